//! What may only be read stays as it is, whatever flags and calls are tried; nothing crosses from one mount to another.

use crate::harness::{acts, hostile};

hostile! { |_| {};
    /// Writes to an input.
    write => acts(&["open in/a.txt w"]).refused("read-only");
    /// Reads and writes an input.
    read_and_write => acts(&["open in/a.txt rw"]).refused("read-only");
    /// Empties an input as it opens it.
    truncate => acts(&["open in/a.txt wt"]).refused("read-only");
    /// Empties an input that it opens for reading.
    truncate_for_reading => acts(&["open in/a.txt rt"]).refused("read-only");
    /// Makes a file in an input.
    create => acts(&["open in/new wc"]).refused("read-only");
    /// Makes a file in an input that it opens for reading.
    create_for_reading => acts(&["open in/new rc"]).refused("read-only");
    /// Makes a file in an input that must be new.
    create_exclusively => acts(&["open in/new wcx"]).refused("read-only");
    /// Makes a file that is there, and says that it must be new.
    create_what_is_there => acts(&["open in/a.txt rcx"]).refused("exist");
    /// Makes and empties.
    create_and_truncate => acts(&["open in/a.txt wct"]).refused("read-only");
    /// Opens a folder of an input to change it.
    mutate => acts(&["open in dm"]).refused("read-only");
    /// Opens the root to change it.
    mutate_the_root => acts(&["open . dm"]).refused("read-only");
    /// Writes to an input through a link in it.
    write_through_a_link_of_the_input => acts(&["open in/link w"]).refused("read-only");
    /// Writes to an input through a link of its own.
    write_through_an_own_link => acts(&["symlink ../in/a.txt out/l", "open out/l w"]).refused("read-only");
    /// Makes a file in an input through a link of its own.
    create_through_an_own_link => acts(&["symlink ../in/new out/l", "open out/l wc"]).refused("read-only");
    /// Writes to a single file that is an input.
    write_a_mounted_file => acts(&["open one.txt w"]).refused("read-only");
    /// Removes a single file that is an input.
    unlink_a_mounted_file => acts(&["unlink one.txt"]).refused("");
    /// Puts a file in the place of a single file that is an input.
    rename_over_a_mounted_file => acts(&["open out/f wc", "rename out/f one.txt"]).refused("");
    /// Removes a file of an input.
    unlink => acts(&["unlink in/a.txt"]).refused("read-only");
    /// Removes a folder of an input.
    rmdir => acts(&["rmdir in/deep"]).refused("read-only");
    /// Makes a folder in an input.
    mkdir => acts(&["mkdir in/new"]).refused("read-only");
    /// Makes a link in an input.
    symlink => acts(&["symlink a.txt in/l"]).refused("read-only");
    /// Makes a hard link in an input.
    link => acts(&["link in/a.txt in/b"]).refused("read-only");
    /// Makes a hard link from an input to where it may write, to write through it.
    link_out_of_an_input => acts(&["link in/a.txt out/a"]).refused("cross-device");
    /// Makes a hard link from what it may write into an input.
    link_into_an_input => acts(&["open out/f wc", "link out/f in/f"]).refused("");
    /// Renames within an input.
    rename => acts(&["rename in/a.txt in/b.txt"]).refused("read-only");
    /// Renames from an input to where it may write.
    rename_out_of_an_input => acts(&["rename in/a.txt out/a.txt"]).refused("");
    /// Renames into an input.
    rename_into_an_input => acts(&["open out/f wc", "rename out/f in/f"]).refused("");
    /// Renames from one writable mount to another.
    rename_across => acts(&["rename work/a.txt out/a.txt"]).refused("cross-device");
    /// Makes a hard link from one writable mount to another.
    link_across => acts(&["link work/a.txt out/a.txt"]).refused("cross-device");
    /// Changes the size of a file of an input.
    resize => acts(&["size in/a.txt 0"]).refused("read-only");
    /// Changes the times of a file of an input.
    touch => acts(&["times in/a.txt"]).refused("read-only");
    /// Marks a file of an input as executable.
    mark => acts(&["mark /in/a.txt"]).refused("ErrorCode { code: 2, name: \"read-only\"");
    /// Marks a file of the host as executable.
    mark_the_host => acts(&["mark /../../outside/canary.txt"]).refused("ErrorCode { code: 0, name: \"no-entry\"");
    /// Changes its private copy, and finds the change in the input: it must not.
    copy_on_write => acts(&["open work/a.txt w", "open in/a.txt w"]).refused("read-only");
    /// Lists a file.
    list_a_file => acts(&["list in/a.txt"]).refused("not-directory");
    /// Reads the target of what is no link.
    readlink_of_a_file => acts(&["readlink in/a.txt"]).refused("invalid");
}
