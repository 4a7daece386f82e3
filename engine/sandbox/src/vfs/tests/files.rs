//! The bytes of files.

use super::*;
use crate::vfs::MAX_READ;

// Chunks are a function of what was asked and what is there.
#[test]
fn a_read_gives_the_least_of_asked_remaining_and_a_mebibyte() {
    let big = vec![7u8; MAX_READ + 10];
    let mut world = world([(
        "/src",
        folder([("small", file("0123456789")), ("big", Sketch::File(big))]),
    )]);
    let small = world.open("src/small", READ).unwrap();
    assert_eq!(world.vfs.read(small, 0, 4).unwrap(), b"0123");
    assert_eq!(world.vfs.read(small, 8, 4).unwrap(), b"89");
    assert_eq!(world.vfs.read(small, 10, 4).unwrap(), b"");
    assert_eq!(world.vfs.read(small, u64::MAX, 4).unwrap(), b"");
    assert_eq!(world.vfs.read(small, 3, 0).unwrap(), b"");
    let big = world.open("src/big", READ).unwrap();
    assert_eq!(world.vfs.read(big, 0, u64::MAX).unwrap().len(), MAX_READ);
    assert_eq!(world.vfs.read(big, MAX_READ as u64, u64::MAX).unwrap().len(), 10);
}

// Writing past the end leaves zeros, as in POSIX, also after the file was cut.
#[test]
fn a_gap_reads_as_zeros() {
    let mut world = world([]);
    let id = world.open("out/f", NEW).unwrap();
    world.vfs.write(id, 3, b"x").unwrap();
    assert_eq!(world.read_all(id).unwrap(), "\0\0\0x");
    world.vfs.write(id, 0, b"abcdef").unwrap();
    world.vfs.set_size(id, 2).unwrap();
    world.vfs.set_size(id, 4).unwrap();
    assert_eq!(world.read_all(id).unwrap(), "ab\0\0");
    world.vfs.append(id, b"end").unwrap();
    world.vfs.write(id, 100, b"").unwrap();
    assert_eq!(world.read_all(id).unwrap(), "ab\0\0end");
}

// Where a file lives is not to be seen: in memory, then in a private file, then in the store.
#[test]
fn a_file_that_grows_large_keeps_its_bytes() {
    let mut world = world([]);
    let id = world.open("out/f", NEW).unwrap();
    let chunk = [b'a'; 100_000];
    for _ in 0..5 {
        world.vfs.append(id, &chunk).unwrap();
    }
    world.vfs.write(id, 250_000, b"XYZ").unwrap();
    assert_eq!(world.vfs.stat(id).size, 500_000);
    assert_eq!(world.vfs.read(id, 249_999, 5).unwrap(), b"aXYZa");
    let node = world.collect("/out/f");
    let Node::File { blob, size, .. } = &node else {
        panic!("{node:?}")
    };
    assert_eq!(*size, 500_000);
    assert_eq!(world.store.blob(blob).unwrap().read_all().unwrap().len(), 500_000);
    // After it was collected it can still be read and changed.
    world.vfs.write(id, 0, b"Z").unwrap();
    assert_eq!(world.vfs.read(id, 0, 2).unwrap(), b"Za");
    world.vfs.set_size(id, 300_000).unwrap();
    assert_eq!(world.vfs.read(id, 250_000, 4).unwrap(), b"XYZa");
    world.vfs.set_size(id, 0).unwrap();
    assert_eq!(world.read_all(id).unwrap(), "");
}

// Offsets beyond what a file can have are an error, not an overflow.
#[test]
fn an_offset_that_no_file_has_is_too_large() {
    let mut world = world([]);
    let id = world.open("out/f", NEW).unwrap();
    for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        assert_eq!(world.vfs.write(id, offset, b"xy"), Err(Code::FileTooLarge), "{offset}");
    }
    assert_eq!(world.vfs.set_size(id, u64::MAX), Err(Code::FileTooLarge));
    assert_eq!(world.vfs.struck(), None);
}

// A writable mount is a private copy.
#[test]
fn copy_on_write_keeps_what_was_not_written() {
    let large = "0123456789".repeat(30_000);
    let mut world = world([("/cow+", folder([("f", file("hello world")), ("large", file(&large))]))]);
    let id = world.open("cow/f", WRITE).unwrap();
    world.vfs.write(id, 6, b"W").unwrap();
    assert_eq!(world.read("cow/f").unwrap(), "hello World");
    let id = world.open("cow/large", WRITE).unwrap();
    world.vfs.write(id, 5, b"X").unwrap();
    assert_eq!(world.vfs.read(id, 4, 4).unwrap(), b"4X67");
    assert_eq!(world.vfs.read(id, 299_998, 10).unwrap(), b"89");
    world.vfs.set_size(id, 7).unwrap();
    assert_eq!(world.read("cow/large").unwrap(), "01234X6");
    // What was mounted is as it was.
    let again = world.mounts.clone();
    let mut fresh = open_world(world.store.clone(), again, Limits::DEFAULT);
    assert_eq!(fresh.read("cow/f").unwrap(), "hello world");
}

// Cutting a mounted file shorter or longer, without writing it.
#[test]
fn a_mounted_file_can_be_cut_and_extended() {
    let mut world = world([("/cow+", sample())]);
    let id = world.open("cow/a", WRITE).unwrap();
    world.vfs.set_size(id, 3).unwrap();
    assert_eq!(world.read("cow/a").unwrap(), "alp");
    world.vfs.set_size(id, 5).unwrap();
    assert_eq!(world.read("cow/a").unwrap(), "alp\0\0");
    let id = world.open("cow/b/c", WRITE).unwrap();
    world.vfs.set_size(id, 7).unwrap();
    assert_eq!(world.read("cow/b/c").unwrap(), "gamma\0\0");
}

// All handles of a file see the same bytes.
#[test]
fn what_is_written_by_one_handle_is_read_by_another() {
    let mut world = world([("/cow+", sample())]);
    let reader = world.open("cow/a", READ).unwrap();
    assert_eq!(world.read_all(reader).unwrap(), "alpha");
    world.write("cow/a", "new").unwrap();
    assert_eq!(world.read_all(reader).unwrap(), "new");
}

// POSIX: what has no name any more lives as long as a handle.
#[test]
fn a_file_that_was_unlinked_while_open_can_still_be_used() {
    let mut world = world([("/cow+", sample())]);
    let mounted = world.open("cow/a", READ).unwrap();
    world.unlink("cow/a").unwrap();
    assert_eq!(world.stat("cow/a"), Err(Code::NoEntry));
    assert_eq!(world.read_all(mounted).unwrap(), "alpha");
    let made = world.open("out/f", NEW).unwrap();
    world.vfs.write(made, 0, b"bytes").unwrap();
    world.unlink("out/f").unwrap();
    world.write("out/f", "another").unwrap();
    world.vfs.append(made, b"!").unwrap();
    assert_eq!(world.read_all(made).unwrap(), "bytes!");
    assert_eq!(world.read("out/f").unwrap(), "another");
}

// What nothing holds any more takes no memory: a guest that makes and removes for ever does not fill the host.
#[test]
fn nodes_are_freed_when_nothing_holds_them() {
    let mut world = world([]);
    world.write("out/warm", "up").unwrap();
    world.unlink("out/warm").unwrap();
    let before = (
        world.vfs.nodes.len(),
        world.vfs.used.bytes,
        world.vfs.used.memory,
        world.vfs.used.files,
    );
    for _ in 0..1000 {
        world.write("out/f", "some bytes").unwrap();
        world.rename("out/f", "out/g").unwrap();
        world.mkdir("out/d").unwrap();
        world.symlink("g", "out/d/l").unwrap();
        world.link("out/g", "out/h").unwrap();
        world.unlink("out/d/l").unwrap();
        world.rmdir("out/d").unwrap();
        world.unlink("out/g").unwrap();
        world.unlink("out/h").unwrap();
    }
    assert_eq!(
        (
            world.vfs.nodes.len(),
            world.vfs.used.bytes,
            world.vfs.used.memory,
            world.vfs.used.files
        ),
        before
    );
}

// Times can be set where the file can be changed, and are not shown.
#[test]
fn setting_times_is_accepted_on_writable_mounts_only() {
    let mut world = world([("/src", sample())]);
    world.write("out/f", "").unwrap();
    let root = world.root;
    assert_eq!(world.vfs.set_times_at(root, "out/f", true), Ok(()));
    assert_eq!(world.vfs.set_times_at(root, "src/a", true), Err(Code::ReadOnly));
    assert_eq!(world.vfs.set_times(root), Err(Code::ReadOnly));
}
