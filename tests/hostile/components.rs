//! Components that are hostile before they run: that no check lets pass, that ask for what is not there, or that take long
//! to compile. What can be seen in the file is refused before anything runs.

use crate::bombs::function;
use crate::harness::{leaks, surroundings};
use crate::listing::Listing;

/// Expects that a component is refused before the run, or fails without a success; and leaves the host as it was.
#[track_caller]
fn assert_refused(component: impl AsRef<[u8]>, codes: &[i32], words: &str) {
    let around = surroundings();
    around.env.write("odd.wasm", component.as_ref());
    around.env.write(
        "airtight.yaml",
        "airtight: 1\nname: odd\nsteps:\n  s: { uses: ./odd.wasm, limits: { time: 30s } }\n",
    );
    let before = Listing::of(around.env.root());
    for _ in 0..2 {
        let run = around.env.run(&["run", "--format", "json"]);
        assert!(run.code.is_some_and(|code| codes.contains(&code)), "{}", run.text());
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains(words), "no {words:?}\n{}", run.text());
        assert!(
            !said.contains("\"outcome\":\"succeeded\"") && !said.contains("panicked"),
            "{}",
            run.text()
        );
        assert!(leaks(around.env.root(), &[&run]).is_empty());
    }
    let changed = before.changes(&Listing::of(around.env.root()));
    assert!(changed.is_empty(), "{changed:?}");
}

#[track_caller]
fn assert_refused_text(text: &str, codes: &[i32], words: &str) {
    // What a friendly assembler refuses to write is given as bytes by the other cases.
    assert_refused(wat::parse_str(text).unwrap(), codes, words);
}

// Random bytes after a right beginning must be read by something that does not believe them.
#[test]
fn a_component_of_noise() {
    let mut noise = b"\0asm\x0d\0\x01\0".to_vec();
    let mut state = 7u64;
    for _ in 0..4096 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        noise.push((state >> 56) as u8);
    }
    assert_refused(&noise, &[3], "");
}

// A section that says that it is longer than the file.
#[test]
fn a_section_beyond_the_end() {
    assert_refused(b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f", &[3], "");
}

// A count of four billion must not become an allocation.
#[test]
fn a_count_that_is_not_true() {
    assert_refused(b"\0asm\x0d\0\x01\0\x07\x06\xff\xff\xff\xff\x0f\x00", &[3], "");
}

// A core module with a vector that says it has four billion types.
#[test]
fn a_module_with_a_count_that_is_not_true() {
    assert_refused(b"\0asm\x01\0\0\0\x01\x05\xff\xff\xff\xff\x0f", &[3], "");
}

// Memory that is shared would bring threads, and with them time that nobody counts.
#[test]
fn shared_memory() {
    assert_refused_text(
        &function(r#"(memory 1 1 shared) (func (export "run"))"#),
        &[1, 3, 4],
        "",
    );
}

// Waiting for a memory cell would block a thread of the host for ever.
#[test]
fn waiting_for_a_memory_cell() {
    let module = r#"(memory 1 1 shared) (func (export "run")
        (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))"#;
    assert_refused_text(&function(module), &[1, 3, 4], "");
}

#[test]
fn an_import_that_nobody_has() {
    let text = r#"(component (import "acme:backdoor/shell@1.0.0" (instance (export "run" (func))))
        (core module $m (func (export "run"))) (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    assert_refused_text(text, &[3], "acme:backdoor/shell");
}

// A function of the host under a known interface that the host does not have.
#[test]
fn a_function_that_a_known_interface_has_not() {
    let text = r#"(component (import "wasi:cli/environment@0.2.0" (instance (export "set-environment" (func))))
        (core module $m (func (export "run"))) (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    assert_refused_text(text, &[1, 3, 4], "");
}

// A known function by another type: the arguments would be read as something else.
#[test]
fn a_function_of_another_type() {
    let text = r#"(component (import "wasi:random/random@0.2.0"
          (instance (export "get-random-u64" (func (param "a" string) (result string)))))
        (core module $m (func (export "run"))) (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    assert_refused_text(text, &[1, 3, 4], "");
}

// Blocks in blocks: a recursive compiler would run out of its own stack.
#[test]
fn blocks_in_blocks() {
    let body = format!("{} {}", "block ".repeat(60_000), "end ".repeat(60_000));
    assert_refused_text(
        &function(&format!(r#"(func (export "run") {body} unreachable)"#)),
        &[1, 3, 4],
        "",
    );
}

// As many locals as a function may have, in many functions: the frames would be larger than the stack.
#[test]
fn functions_with_very_many_locals() {
    let locals = "i64 ".repeat(49_000);
    let text = format!(r#"(func $f (local {locals}) (call $f)) (func (export "run") (call $f))"#);
    assert_refused_text(&function(&text), &[1, 3], "");
}

// Components in components in components.
#[test]
fn components_in_components() {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..2000 {
        let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend_from_slice(&bytes);
        bytes = outer;
    }
    assert_refused(&bytes, &[1, 3, 4], "");
}

// Each type is twice the one before: its full text would not fit into any memory.
#[test]
fn types_that_double() {
    let mut types = String::from("(type $t0 (tuple u8 u8))");
    for i in 1..64 {
        let before = i - 1;
        types.push_str(&format!("(type $t{i} (tuple $t{before} $t{before}))"));
    }
    let text = format!(
        r#"(component {types} (core module $m (memory (export "memory") 1) (func (export "run") (param i32)))
          (core instance $i (instantiate $m))
          (func (export "run") (param "x" $t63) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    );
    match wat::parse_str(&text) {
        Ok(bytes) => assert_refused(&bytes, &[1, 3, 4], ""),
        // The assembler's own check may count the same: then there is no such file.
        Err(error) => assert!(error.to_string().contains("type"), "{error}"),
    }
}

// More instances than anybody needs: each costs the host more than it costs the file.
#[test]
fn very_many_instances() {
    let all = "(core instance (instantiate $n))".repeat(5000);
    let text = format!(
        r#"(component (core module $n) {all} (core module $m (func (export "run"))) (core instance $i (instantiate $m))
          (func (export "run") (canon lift (core func $i "run"))))"#
    );
    assert_refused_text(&text, &[3], "instances count exceeds");
}
