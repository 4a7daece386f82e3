//! Components of registries through the whole program: pushed, pinned, fetched, run without a network, and accepted again when a tag
//! has moved. Not here: what a hostile registry could do to the client (its own tests), and logins but for the way to them.

use airtight_testkit::{Fake, LOGIN, Registry, Reply, Run, TestEnv};

use crate::{is_recognised_by, outcome, project, run};

/// A project with the guest `command`, and a registry. None where there is no registry to be had.
fn with_registry() -> Option<(TestEnv, Registry)> {
    let env = project(&["command"]);
    let registry = Registry::start(env.root())?;
    Some((env, registry))
}

/// A pipeline with one step that runs a component.
fn uses(env: &TestEnv, component: &str) {
    let text =
        format!("airtight: 1\nname: test\nsteps:\n  say:\n    uses: {component}\n    args: [ \"print hello\" ]\n");
    env.write("airtight.yaml", text);
}

/// The same component in other bytes: with a custom section.
fn other(env: &TestEnv, name: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(env.project().join("command.wasm")).unwrap();
    bytes.extend_from_slice(&[0, 3, 1, b'x', 0]);
    env.write(name, &bytes);
    bytes
}

/// The digest that a refusal offers to accept.
fn offered(run: &Run) -> String {
    let (_, rest) = run
        .stderr
        .split_once("--accept=")
        .unwrap_or_else(|| panic!("{}", run.text()));
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

fn says(run: &Run, part: &str) {
    assert!(run.stderr.contains(part), "no `{part}` in\n{}", run.text());
}

// The whole way: push, lock, another machine that fetches, and runs with the registry gone.
#[test]
fn what_is_locked_and_fetched_runs_without_the_registry() {
    let Some((env, mut registry)) = with_registry() else {
        return;
    };
    let name = format!("oci://{}/tools/say:1.0.0", registry.host);
    let pushed = env
        .run(&["push", "command.wasm", &name])
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    assert!(pushed.starts_with(&format!("{name}@sha256:")), "{pushed}");
    uses(&env, &name);

    let unlocked = env.run(&["run"]).expect(3);
    says(&unlocked, "error[P0039]");
    says(&unlocked, "`airtight lock`");
    says(&env.run(&["fetch"]).expect(3), "`airtight lock`");
    let _ = env.run(&["lock"]).expect(0);
    let lock = env.read("airtight.lock");
    let manifest = pushed.rsplit_once('@').unwrap().1;
    assert!(
        lock.contains(&format!("uses = \"{name}\"\nmanifest = \"{manifest}\"\n")),
        "{lock}"
    );
    assert!(lock.contains("pinned = true"), "{lock}");
    assert_eq!(outcome(&run(&env, 0), "say"), "succeeded");

    // Another machine: the same files and an empty store.
    let there = ["--store", "other-store"];
    let on = |arguments: &[&str]| env.run(&[&there, arguments].concat());
    let unfetched = on(&["plan"]).expect(3);
    says(&unfetched, "error[P0039]");
    says(&unfetched, "`airtight fetch`");
    says(&on(&["fetch", "--locked"]).expect(0), "1 fetched, 0 there already");
    says(&on(&["fetch"]).expect(0), "0 fetched, 1 there already");
    registry.stop();
    for arguments in [
        &["run"][..],
        &["plan", "--locked"],
        &["explain", "say"],
        &["inspect", &name],
        &["validate"],
        &["lock"],
    ] {
        let _ = on(arguments).expect(0);
    }
    // What a lock names is spared by a sweep, until the lock does not name it any more.
    let _ = on(&["cache", "sweep", "--keep", "0"]).expect(0);
    let _ = on(&["plan"]).expect(0);
    std::fs::remove_file(env.project().join("airtight.lock")).unwrap();
    let _ = on(&["cache", "sweep", "--keep", "0"]).expect(0);
    env.write("airtight.lock", &lock);
    says(&on(&["plan"]).expect(3), "`airtight fetch`");
    let down = on(&["fetch"]).expect(4);
    says(&down, "error[O0001]");
    says(&down, &registry.host);
    assert_eq!(env.read("airtight.lock"), lock);
}

// A tag that names something else from now on changes nothing by itself; `update` shows it, and takes it when it is accepted.
#[test]
fn a_moved_tag_is_taken_only_when_it_is_accepted() {
    let Some((env, registry)) = with_registry() else { return };
    let name = format!("oci://{}/say:1.0.0", registry.host);
    let _ = env.run(&["push", "command.wasm", &name]).expect(0);
    uses(&env, &name);
    let _ = env.run(&["lock"]).expect(0);
    let before = env.read("airtight.lock");
    let _ = other(&env, "other.wasm");
    let taken = env.run(&["push", "other.wasm", &name]).expect(3);
    says(&taken, "error[O0006]");
    says(&taken, "`--move-tag`");
    let moved = env.run(&["push", "other.wasm", &name, "--move-tag"]).expect(0);
    let moved = moved.stdout.trim().rsplit_once('@').unwrap().1.to_owned();

    let _ = env.run(&["run"]).expect(0);
    says(&env.run(&["lock"]).expect(0), "is up to date");
    let refused = env.run(&["update"]).expect(3);
    says(&refused, &format!("+ component {name} is {moved}, was sha256:"));
    says(&refused, "its tag was moved");
    assert_eq!(env.read("airtight.lock"), before);
    let accept = format!("--accept={}", offered(&refused));
    let _ = env.run(&["update", "say", &accept]).expect(0);
    assert!(env.read("airtight.lock").contains(&moved));
    let _ = env.run(&["run", "--locked"]).expect(0);
    says(&env.run(&["update"]).expect(0), "is up to date");

    // A lock with another digest than the one of the registry is not believed.
    let lock = env.read("airtight.lock");
    let (start, rest) = lock.split_once("\ndigest = \"").unwrap();
    env.write(
        "airtight.lock",
        format!("{start}\ndigest = \"{}\"{}", "0".repeat(64), &rest[65..]),
    );
    says(&env.run(&["fetch"]).expect(3), "and the lock says 0000");
}

// `pull` writes the file as a whole or not at all, by tag and by digest; `inspect` and `add` take what nobody has locked.
#[test]
fn pull_inspect_and_add_take_what_is_not_locked() {
    let Some((env, mut registry)) = with_registry() else {
        return;
    };
    let name = format!("oci://{}/say:1.0.0", registry.host);
    let pushed = env.run(&["push", "command.wasm", &name]).expect(0).stdout;
    let pulled = env.run(&["pull", &name]).expect(0);
    assert_eq!(pulled.stdout, pushed);
    let wasm = std::fs::read(env.project().join("command.wasm")).unwrap();
    assert_eq!(std::fs::read(env.project().join("say.wasm")).unwrap(), wasm);
    says(&env.run(&["pull", &name]).expect(2), "--output FILE");
    let by_digest = pushed.trim().replace(":1.0.0@", "@");
    let _ = env.run(&["pull", &by_digest, "--output", "again.wasm"]).expect(0);
    assert_eq!(std::fs::read(env.project().join("again.wasm")).unwrap(), wasm);
    let inspected = env.run(&["inspect", &name]).expect(0).stdout;
    assert!(inspected.contains("command  exports wasi:cli/run"), "{inspected}");

    env.write("airtight.yaml", "airtight: 1\nname: test\nsteps:\n");
    let _ = env.run(&["add", &name]).expect(0);
    assert!(
        env.read("airtight.yaml")
            .contains(&format!("  say:\n    uses: \"{name}\"\n")),
        "{}",
        env.read("airtight.yaml")
    );
    assert!(env.read("airtight.lock").contains("manifest = \"sha256:"));
    let _ = env.run(&["run", "--locked"]).expect(0);
    registry.stop();
    env.write("again.wasm", "mine");
    says(
        &env.run(&["pull", &by_digest, "--output", "again.wasm"]).expect(4),
        "error[O0001]",
    );
    assert_eq!(env.read("again.wasm"), "mine");
}

// What cannot be pushed, and what no reference is, before anyone is asked.
#[test]
fn what_makes_no_sense_is_refused_with_the_mend() {
    let env = project(&["command"]);
    env.write("text.wasm", "no WebAssembly");
    let to = "oci://127.0.0.1:1/say";
    says(
        &env.run(&["push", "text.wasm", &format!("{to}:1.0.0")]).expect(3),
        "error[C0002]",
    );
    says(
        &env.run(&["push", "none.wasm", &format!("{to}:1.0.0")]).expect(2),
        "error[C0001]",
    );
    says(
        &env.run(&["push", "command.wasm", to]).expect(2),
        "write one: `oci://127.0.0.1:1/say:1.0.0`",
    );
    let latest = env.run(&["push", "command.wasm", &format!("{to}:latest")]).expect(2);
    says(&latest, "error[O0007]");
    says(&latest, "--any-tag");
    says(
        &env.run(&["push", "command.wasm", "127.0.0.1/say:1.0.0"]).expect(2),
        "write `oci://127.0.0.1/say:1.0.0`",
    );
    says(
        &env.run(&["pull", "oci://127.0.0.1:1/Say:1"]).expect(2),
        "in lower case",
    );
    says(&env.run(&["pull", to]).expect(2), "neither a tag nor a digest");
    says(&env.run(&["pull", &format!("{to}:1.0.0")]).expect(4), "error[O0001]");
    for (uses_, part) in [
        ("oci://h/a", "neither a tag nor a digest"),
        ("oci://h/a:+", "no tag"),
        ("https://h/a.wasm", "registries"),
    ] {
        uses(&env, &format!("\"{uses_}\""));
        says(&env.run(&["plan"]).expect(3), part);
    }
}

// A login from Docker's file, and without one the words that make one.
#[test]
fn a_login_comes_from_dockers_file() {
    let env = project(&["command"]);
    let Some(registry) = Registry::with_login(env.root()) else {
        return;
    };
    let name = format!("oci://{}/say:1.0.0", registry.host);
    let refused = env.run(&["push", "command.wasm", &name]).expect(4);
    says(&refused, "error[O0002]");
    says(&refused, &format!("docker login {}", registry.host));
    let docker = env.root().join("home/.docker");
    std::fs::create_dir_all(&docker).unwrap();
    let text = format!(
        "{{\"auths\": {{\"{}\": {{\"username\": \"{}\", \"password\": \"{}\"}}}}}}",
        registry.host, LOGIN.0, LOGIN.1
    );
    std::fs::write(docker.join("config.json"), &text).unwrap();
    let _ = env.run(&["push", "command.wasm", &name]).expect(0);
    // From where the variable says, and not from elsewhere.
    let elsewhere = env.root().join("docker");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let pull = |output: &str| {
        let mut command = env.command(&["pull", &name, "--output", output]);
        command.env("DOCKER_CONFIG", &elsewhere);
        env.finish(&mut command)
    };
    says(&pull("a.wasm").expect(4), "error[O0002]");
    std::fs::write(elsewhere.join("config.json"), "{").unwrap();
    says(&pull("a.wasm").expect(4), "error[O0008]");
    std::fs::rename(docker.join("config.json"), elsewhere.join("config.json")).unwrap();
    let _ = pull("a.wasm").expect(0);
}

// A container image where a component should be, and what is said while nothing was written.
#[test]
fn a_container_image_is_not_a_component() {
    let env = project(&[]);
    let image = "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:00\",\"size\":1},\"layers\":[]}";
    let fake = Fake::start(move |_| Reply::body(200, image));
    let name = format!("oci://{}/debian:12", fake.host);
    uses(&env, &format!("\"{name}\""));
    for arguments in [&["lock"][..], &["pull", &name], &["inspect", &name]] {
        let refused = env.run(arguments).expect(3);
        says(&refused, "error[O0004]");
        says(&refused, "it is a container image");
    }
    for file in ["airtight.lock", "debian.wasm"] {
        assert!(!env.project().join(file).exists(), "{file}");
    }
}

// A run with a component of a registry is recognised as a whole like any, and not when the lock or the store have changed.
#[test]
fn a_run_depends_on_what_the_lock_says_of_registries() {
    let Some((env, registry)) = with_registry() else { return };
    let name = format!("oci://{}/say:1.0.0", registry.host);
    let _ = env.run(&["push", "command.wasm", &name]).expect(0);
    uses(&env, &name);
    let _ = env.run(&["lock"]).expect(0);
    let recognised = || is_recognised_by(&env.run(&["run"]).expect(0), "say");
    assert!(!recognised() && !recognised());
    assert!(recognised());
    let _ = other(&env, "other.wasm");
    let _ = env.run(&["push", "other.wasm", &name, "--move-tag"]).expect(0);
    // The tag has moved, and nobody has accepted it.
    assert!(recognised());
    let accept = format!("--accept={}", offered(&env.run(&["update"]).expect(3)));
    let _ = env.run(&["update", &accept]).expect(0);
    let changed = env.run(&["run"]).expect(0);
    assert!(
        !is_recognised_by(&changed, "say") && changed.stderr.contains("1 ran"),
        "{}",
        changed.text()
    );
    // Without the lock nothing says what it is.
    std::fs::remove_file(env.project().join("airtight.lock")).unwrap();
    says(&env.run(&["run"]).expect(3), "error[P0039]");
}
