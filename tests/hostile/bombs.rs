//! Components of their own that take memory, tables, stack and time, in ways that a compiler of a friendly language would
//! not write. Not here: what takes long to compile (`components`).

use crate::harness::{Case, hostile, wat};

/// A function step of one module with a core function `run`.
pub(crate) fn function(module: &str) -> String {
    format!(
        r#"(component (core module $m {module}) (core instance $i (instantiate $m))
          (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

fn bomb(module: &str) -> Case {
    wat(function(module))
}

/// A component with as many instances of one module.
fn instances(count: usize, module: &str) -> Case {
    let all = "(core instance (instantiate $n))".repeat(count);
    wat(format!(
        r#"(component (core module $n {module}) {all}
          (core module $m (func (export "run"))) (core instance $i (instantiate $m))
          (func (export "run") (canon lift (core func $i "run"))))"#
    ))
}

hostile! { |_| {};
    /// Declares all the memory that an address can name.
    declared_memory => bomb(r#"(memory 65536) (func (export "run"))"#).limits("memory: 64MiB").fails("64MiB");
    /// Grows its memory page by page.
    grown_memory => bomb(r#"(memory 1) (func (export "run") (loop $l (drop (memory.grow (i32.const 1))) (br $l)))"#)
        .limits("memory: 64MiB").fails("64MiB");
    /// Grows its memory at once.
    memory_at_once => bomb(r#"(memory 1) (func (export "run") (drop (memory.grow (i32.const 60000))))"#)
        .limits("memory: 64MiB").fails("64MiB");
    /// Takes its memory in many instances, each of which is small.
    memory_in_parts => instances(100, "(memory 64)").limits("memory: 64MiB").fails("64MiB");
    /// Grows its memory before anything is called.
    memory_at_the_start => bomb(r#"(memory 1) (func $s (drop (memory.grow (i32.const 60000)))) (start $s) (func (export "run"))"#)
        .limits("memory: 64MiB").fails("64MiB");
    /// Declares a table of a hundred million elements.
    declared_table => bomb(r#"(table 100000000 funcref) (func (export "run"))"#).fails("table");
    /// Grows a table for ever.
    grown_table => bomb(r#"(table 1 funcref) (func (export "run") (loop $l (drop (table.grow (ref.null func) (i32.const 100000))) (br $l)))"#)
        .fails("table");
    /// Takes its tables in many instances, each of which is small.
    tables_in_parts => instances(200, "(table 100000 funcref)").fails("table");
    /// Calls itself.
    recursion => bomb(r#"(func $f (export "run") (call $f) (call $f))"#).fails("more stack than its limit");
    /// Calls itself with all the parameters that a function can have.
    wide_recursion => {
        let (parameters, arguments) = ("i64 ".repeat(900), "(i64.const 1)".repeat(900));
        bomb(&format!(r#"(func $f (param {parameters}) (call $f {arguments}) (call $f {arguments})) (func (export "run") (call $f {arguments}))"#))
            .fails("more stack than its limit")
    };
    /// Calls itself through a table.
    indirect_recursion => bomb(r#"(type $t (func)) (table funcref (elem $f)) (func $f (export "run")
        (call_indirect (type $t) (i32.const 0)) (call_indirect (type $t) (i32.const 0)))"#).fails("more stack than its limit");
    /// Goes round for ever.
    spin => bomb(r#"(func (export "run") (loop $l (br $l)))"#).limits("time: 1s").times_out();
    /// Goes round for ever before anything is called.
    spin_at_the_start => bomb(r#"(func $s (loop $l (br $l))) (start $s) (func (export "run"))"#).limits("time: 1s").times_out();
    /// Goes round by calls that leave no trace on the stack.
    tail_calls => bomb(r#"(func $f (export "run") (return_call $f))"#).limits("time: 1s").times_out();
    /// Fills its memory over and over, each time by one long instruction.
    long_instructions => bomb(r#"(memory 1024) (func (export "run") (loop $l
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 67108864)) (br $l)))"#).limits("time: 1s").times_out();
    /// Copies its tables over and over.
    long_table_instructions => bomb(r#"(table 1000000 funcref) (func (export "run") (loop $l
        (table.copy (i32.const 0) (i32.const 1) (i32.const 999999)) (br $l)))"#).limits("time: 1s").times_out();
    /// Goes round until its fuel is gone, before anything is called.
    fuel_at_the_start => bomb(r#"(func $s (loop $l (br $l))) (start $s) (func (export "run"))"#).limits("fuel: 100000").fails("fuel");
    /// Traps.
    trap => bomb(r#"(func (export "run") unreachable)"#).fails("trapped");
    /// Traps before anything is called.
    trap_at_the_start => bomb(r#"(func $s unreachable) (start $s) (func (export "run"))"#).fails("trapped");
    /// Reads outside of its memory.
    read_outside => bomb(r#"(memory 1) (func (export "run") (drop (i64.load offset=4294967295 (i32.const -1))))"#).fails("trapped");
    /// Writes outside of its memory.
    write_outside => bomb(r#"(memory 1) (func (export "run") (i64.store (i32.const 65529) (i64.const 1)))"#).fails("trapped");
    /// Copies from outside of its memory.
    copy_outside => bomb(r#"(memory 1) (func (export "run") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))"#).fails("trapped");
    /// Calls what is not in its table.
    call_outside => bomb(r#"(type $t (func)) (table 1 funcref) (func (export "run") (call_indirect (type $t) (i32.const 7)))"#).fails("trapped");
    /// Calls a function by the wrong type.
    call_by_another_type => bomb(r#"(type $t (func (param i64))) (table funcref (elem $g)) (func $g)
        (func (export "run") (call_indirect (type $t) (i64.const 1) (i32.const 0)))"#).fails("trapped");
    /// Begins with data that lies outside of its memory.
    data_outside => bomb(r#"(memory 1) (data (i32.const 65535) "ab") (func (export "run"))"#).fails("trapped");
    /// Is larger than a component may be.
    large_component => bomb(&format!(r#"(memory 1) (data "{}") (func (export "run"))"#, "x".repeat(1 << 20)))
        .limits("component: 64KiB").fails("64KiB");
    /// Has a function that takes long to compile: tens of thousands of values that all live at the same time.
    long_to_compile => {
        let count = 40_000;
        let (mut take, mut give) = (String::new(), String::new());
        for i in 0..count {
            take.push_str(&format!("(local.set {i} (i64.load (i32.const {})))", i % 60_000));
            give.push_str(&format!("(i64.store (i32.const {}) (i64.mul (local.get {i}) (local.get {})))", i % 60_000, count - 1 - i));
        }
        let locals = "i64 ".repeat(count);
        bomb(&format!(r#"(memory 1) (func (export "run") (local {locals}) {take} {give} {give})"#))
            .limits("compile: 100ms").fails("compile")
    };
}
