//! Native code that is kept: compiled once a component and machine, never taken from a file that was changed.

use std::borrow::Cow;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airtight_egress::{Egress, EgressConfig};
use airtight_model::{BlobDigest, Outcome};
use airtight_sandbox::{Compiler, ComponentSource, EngineKind, RunControl, Sandbox, SandboxConfig};
use airtight_store::{Store, StoreError};

use crate::guests::{Host, command};

/// Counts how often a component's bytes are asked for: that is when it is compiled.
struct Counting(Store, AtomicUsize);

impl ComponentSource for Counting {
    fn component(&self, digest: &BlobDigest) -> Result<Cow<'static, [u8]>, StoreError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.component(digest)
    }

    fn size(&self, digest: &BlobDigest) -> Result<u64, StoreError> {
        self.0.size(digest)
    }
}

/// A process of its own, as far as the sandbox can tell. Runs `count` attempts at once; says how often it compiled.
async fn process(state: Option<&Path>, count: usize) -> (usize, Option<String>) {
    let host = Host::new();
    let request = host.command(&command(&[], "", ""));
    let components = Arc::new(Counting(host.store.clone(), AtomicUsize::new(0)));
    let source = Arc::clone(&components) as Arc<dyn ComponentSource>;
    let state_dir = state.map(Path::to_owned);
    let sandbox = Sandbox::new(SandboxConfig {
        state_dir,
        store: host.store.clone(),
        components: source,
        egress: Egress::new(EgressConfig::default()),
        engine: EngineKind::default(),
        compiler: Compiler::InProcess,
    });
    let control = RunControl::default();
    let runs = futures::future::join_all((0..count).map(|_| sandbox.run(&request, &control))).await;
    assert!(
        runs.iter().all(|ran| ran.report.outcome == Outcome::Succeeded),
        "{:?}",
        runs[0].report.cause
    );
    let warning = runs.into_iter().find_map(|ran| ran.warning);
    (components.1.load(Ordering::SeqCst), warning)
}

fn kept(state: &Path) -> PathBuf {
    let files = std::fs::read_dir(state.join("native"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|ext| ext == "bin"))
        .collect();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

// The second process finds the first one's code; within one, many steps at once compile once.
#[tokio::test]
async fn a_component_is_compiled_once_a_machine() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(process(Some(state.path()), 8).await, (1, None));
    assert_eq!(process(Some(state.path()), 2).await, (0, None));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state.path().join("native")), 0o700);
    assert_eq!(mode(&state.path().join("native/key")), 0o600);
}

// Whatever is done to the file, the step runs, and what runs is what was compiled from the component.
#[tokio::test]
async fn code_that_was_altered_is_not_run_but_made_again() {
    let state = tempfile::tempdir().unwrap();
    process(Some(state.path()), 1).await;
    let path = kept(state.path());
    let good = std::fs::read(&path).unwrap();
    // One bit of each region: the magic, its version, the MAC, the beginning, middle and end of the code.
    let places = [0, 4, 5, 36, 37, good.len() / 2, good.len() - 1];
    let flipped = places.map(|place| {
        let mut flipped = good.clone();
        flipped[place] ^= 1;
        flipped
    });
    let longer = [&good[..], b"x"].concat();
    let cut = [
        good[..good.len() - 1].to_vec(),
        good[..37].to_vec(),
        Vec::new(),
        b"ATnc".to_vec(),
    ];
    for bad in flipped.into_iter().chain(cut).chain([longer]) {
        std::fs::write(&path, bad).unwrap();
        assert_eq!(process(Some(state.path()), 1).await, (1, None));
        assert_eq!(std::fs::read(&path).unwrap().len(), good.len(), "it was put right");
    }
    // Under another key nothing that is there counts.
    std::fs::remove_file(state.path().join("native/key")).unwrap();
    assert_eq!(process(Some(state.path()), 1).await, (1, None));
    assert_eq!(process(Some(state.path()), 1).await, (0, None));
}

// A key that others can read protects nothing, so nothing is kept under it, and the user is told once.
#[tokio::test]
async fn a_folder_that_cannot_be_trusted_or_written_is_not_used() {
    let state = tempfile::tempdir().unwrap();
    process(Some(state.path()), 1).await;
    let key = state.path().join("native/key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (compiled, warning) = process(Some(state.path()), 2).await;
    assert_eq!(compiled, 1);
    assert!(warning.unwrap().contains("native code is not kept"));
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (compiled, warning) = process(Some(&file), 1).await;
    assert_eq!((compiled, warning.is_some()), (1, true));
    assert_eq!(process(None, 1).await, (1, None));
}
