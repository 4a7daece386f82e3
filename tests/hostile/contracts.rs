//! Components that break the rules of the canonical ABI: pointers, lengths, texts and handles that are not what they say.
//! The host reads none of them beyond the guest's memory, and takes no more of its own than a call may.

use crate::harness::{Case, hostile, wat};

/// A step that returns what the two words at 16 (set by `body`) say, as a value of the type.
fn returns(of: &str, body: &str) -> Case {
    wat(format!(
        r#"(component
          (core module $m (memory (export "memory") 2)
            (func $is (param i32 i32) (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)))
            (func (export "run") (result i32) {body}))
          (core instance $i (instantiate $m))
          (func (export "run") (result {of}) (canon lift (core func $i "run") (memory (core memory $i "memory")))))"#
    ))
}

/// A step that returns one core value as a value of the type.
fn returns_flat(of: &str, value: &str) -> Case {
    wat(format!(
        r#"(component (core module $m (func (export "run") (result i32) {value})) (core instance $i (instantiate $m))
          (func (export "run") (result {of}) (canon lift (core func $i "run"))))"#
    ))
}

/// A step that takes a text, for which its allocator does something.
fn allocates(body: &str) -> Case {
    wat(format!(
        r#"(component
          (core module $m (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) {body})
            (func (export "run") (param i32 i32)))
          (core instance $i (instantiate $m))
          (func (export "run") (param "text" string)
            (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#
    ))
    .with("with: { text: some text }")
}

/// A step that does something after its result was read.
fn afterwards(body: &str) -> Case {
    wat(format!(
        r#"(component
          (core module $m (memory (export "memory") 1)
            (func (export "run") (result i32) (i32.const 16)) (func (export "after") (param i32) {body}))
          (core instance $i (instantiate $m))
          (func (export "run") (result string)
            (canon lift (core func $i "run") (memory (core memory $i "memory")) (post-return (core func $i "after")))))"#
    ))
}

/// A step that drops a handle of the host's by a number.
fn drops(body: &str) -> Case {
    wat(format!(
        r#"(component
          (import "wasi:io/streams@0.2.0" (instance $s (export "output-stream" (type (sub resource)))))
          (alias export $s "output-stream" (type $t))
          (core func $drop (canon resource.drop $t))
          (core module $m (import "h" "drop" (func $drop (param i32))) (func (export "run") {body}))
          (core instance $i (instantiate $m (with "h" (instance (export "drop" (func $drop))))))
          (func (export "run") (canon lift (core func $i "run"))))"#
    ))
}

hostile! { |_| {};
    /// Returns a text that lies outside of its memory.
    text_outside => returns("string", "(call $is (i32.const 131072) (i32.const 1)) (i32.const 16)").fails("trapped");
    /// Returns a text that begins in its memory and ends outside.
    text_across_the_end => returns("string", "(call $is (i32.const 131000) (i32.const 1000)) (i32.const 16)").fails("trapped");
    /// Returns a text whose end is before its beginning.
    text_that_wraps => returns("string", "(call $is (i32.const -16) (i32.const 32)) (i32.const 16)").fails("trapped");
    /// Returns a text of four gigabytes.
    huge_text => returns("string", "(call $is (i32.const 0) (i32.const -1)) (i32.const 16)").fails("trapped");
    /// Returns a text that is not UTF-8.
    text_not_utf_8 => returns("string", "(i32.store8 (i32.const 64) (i32.const 255)) (call $is (i32.const 64) (i32.const 1)) (i32.const 16)").fails("trapped");
    /// Returns its result where no memory is.
    result_outside => returns("string", "(i32.const 131071)").fails("trapped");
    /// Returns its result where none can be.
    result_unaligned => returns("string", "(i32.const 17)").fails("trapped");
    /// Returns a list of half a billion numbers.
    huge_list => returns("(list u64)", "(call $is (i32.const 0) (i32.const 536870911)) (i32.const 16)").fails("trapped");
    /// Returns a list whose size in bytes is more than a number can say.
    list_that_overflows => returns("(list u64)", "(call $is (i32.const 0) (i32.const -1)) (i32.const 16)").fails("trapped");
    /// Returns eight thousand times the same long text: half a gigabyte of the host's memory for two pages of its own.
    amplified_list => returns("(list string)", "(local $at i32) (local.set $at (i32.const 1024)) (loop $l
            (i32.store (local.get $at) (i32.const 66000)) (i32.store offset=4 (local.get $at) (i32.const 65000))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const 65000))))
        (call $is (i32.const 1024) (i32.const 7997)) (i32.const 16)").fails("in one call");
    /// Returns a case that its variant does not have.
    case_that_is_none => returns_flat("(result)", "(i32.const 7)").fails("trapped");
    /// Returns half of a character.
    half_a_character => returns_flat("char", "(i32.const 0xd800)").fails("trapped");
    /// Returns a character beyond the last.
    no_character => returns_flat("char", "(i32.const 0x110000)").fails("trapped");
    /// Gives room for a text outside of its memory.
    room_outside => allocates("(i32.const 131072)").fails("trapped");
    /// Gives room for a text at the end of all addresses.
    room_that_wraps => allocates("(i32.const -1)").fails("trapped");
    /// Gives no room for a text.
    no_room => allocates("unreachable").fails("trapped");
    /// Looks for room for ever.
    room_for_ever => allocates("(loop $l (br $l)) (i32.const 0)").limits("time: 1s").times_out();
    /// Traps after its result was read.
    trap_afterwards => afterwards("unreachable").fails("trapped");
    /// Goes round for ever after its result was read.
    spin_afterwards => afterwards("(loop $l (br $l))").limits("time: 1s").times_out();
    /// Drops a handle that it never had.
    forged_handle => drops("(call $drop (i32.const 1))").fails("");
    /// Drops a handle with a number that is none.
    odd_handle => drops("(call $drop (i32.const -1))").fails("");
    /// Drops the handle with number zero.
    handle_zero => drops("(call $drop (i32.const 0))").fails("");
}
