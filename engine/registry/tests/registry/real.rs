//! Push and pull with Debian's `docker-registry`. Not here: logins.

use airtight_registry::{Push, RegistryError};
use airtight_testkit::Registry;

use crate::{artifact, client, component, pull, reference, wait};

// What was pushed is what is pulled, by tag and by digest; pushing it again changes nothing.
#[test]
fn what_is_pushed_is_pulled() {
    let folder = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(folder.path()) else {
        return;
    };
    let wasm = component("1.2.3");
    let tagged = reference(&registry.host, "tools/scan:1.2.3");
    let new = artifact(&wasm, &tagged);
    wait(async {
        let pushed = client().push(&tagged, &new, Push::default()).await.unwrap();
        assert_eq!(pushed, new.digest());
        assert_eq!(client().push(&tagged, &new, Push::default()).await.unwrap(), pushed);
        for reference in [&tagged, &tagged.pinned(pushed)] {
            let (found, bytes) = pull(&client(), reference).await.unwrap();
            assert_eq!((found.manifest, bytes.as_slice()), (pushed, wasm.as_ref()));
            assert_eq!(found.annotations["org.opencontainers.image.licenses"], "Apache-2.0");
            assert_eq!(found.annotations["org.opencontainers.image.title"], "scan");
        }
        let missing = reference(&registry.host, "tools/scan:2.0.0");
        assert!(matches!(
            pull(&client(), &missing).await,
            Err(RegistryError::NotFound(_))
        ));
        let missing = reference(&registry.host, "tools/none:2.0.0");
        assert!(matches!(
            pull(&client(), &missing).await,
            Err(RegistryError::NotFound(_))
        ));
    });
}

// A version stays what it is, unless someone says otherwise; a large component goes and comes in many parts.
#[test]
fn a_version_that_is_there_is_not_moved_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::start(folder.path()) else {
        return;
    };
    let tagged = reference(&registry.host, "scan:1.0.0");
    let mut large = component("1.0.0").to_vec();
    // A custom section of 3 MiB whose bytes are not all the same.
    large.extend_from_slice(&[0, 0x82, 0x80, 0xc0, 0x01, 1, b'x']);
    large.extend((0..3u32 << 20).map(|i| (i % 251) as u8));
    let large = large.into();
    wait(async {
        let first = artifact(&component("1.0.0"), &tagged);
        let second = artifact(&large, &tagged);
        let _ = client().push(&tagged, &first, Push::default()).await.unwrap();
        let taken = client().push(&tagged, &second, Push::default()).await.unwrap_err();
        assert!(matches!(&taken, RegistryError::TagTaken { there, .. } if *there == first.digest()));
        assert_eq!(client().look_up(&tagged).await.unwrap().manifest, first.digest());
        let how = Push {
            move_tag: true,
            ..Push::default()
        };
        let _ = client().push(&tagged, &second, how).await.unwrap();
        let (found, bytes) = pull(&client(), &tagged).await.unwrap();
        assert!(found.manifest == second.digest() && bytes == large);
        // What was there before is there still, by its digest.
        let (_, bytes) = pull(&client(), &tagged.pinned(first.digest())).await.unwrap();
        assert_eq!(bytes, component("1.0.0"));
    });
}

// A tag that is no version is refused before anyone is asked.
#[test]
fn a_tag_that_is_no_version_is_refused() {
    let tagged = reference("127.0.0.1:1", "scan:latest");
    let new = artifact(&component("1.0.0"), &tagged);
    let refused = wait(client().push(&tagged, &new, Push::default())).unwrap_err();
    assert!(matches!(refused, RegistryError::NotAVersion(tag) if tag == "latest"));
    let how = Push {
        any_tag: true,
        ..Push::default()
    };
    let unreachable = wait(client().push(&tagged, &new, how)).unwrap_err();
    assert!(matches!(unreachable, RegistryError::Unreachable { .. }));
}
