//! Path tricks against the virtual file system: no walk leaves it, and no odd name gets through to the host. A canary is in
//! a file beside the project, at `[HERE]/outside/canary.txt`.

use crate::harness::{acts, hostile};

hostile! { |_| {};
    /// Reads a file above its root by `..`.
    dot_dot => acts(&["open ../../outside/canary.txt r"]).refused("not-permitted");
    /// Climbs as high as it goes.
    many_dot_dots => acts(&["open ../../../../../../../../../../etc/passwd r"]).refused("not-permitted");
    /// Climbs out of an input.
    dot_dot_out_of_a_mount => acts(&["open in/../../outside/canary.txt r"]).refused("not-permitted");
    /// Climbs out of a folder that it has open.
    dot_dot_from_an_open_folder => acts(&["open-in in ../../outside/canary.txt r"]).refused("not-permitted");
    /// Climbs out of a folder that it has open into a neighbour, which it could open by itself.
    dot_dot_to_a_neighbour => acts(&["open-in in/deep ../a.txt r"]).refused("not-permitted");
    /// Names a file of the host by its absolute path.
    absolute => acts(&["open /etc/passwd r"]).refused("not-permitted");
    /// Names the canary by its absolute path on the host.
    absolute_canary => acts(&["open [HERE]/outside/canary.txt r"]).refused("not-permitted");
    /// Names it without the first slash.
    relative_to_the_root_of_the_host => acts(&["open [HERE]/../outside/canary.txt r"]).refused("not-permitted");
    /// Begins with two slashes.
    two_slashes => acts(&["open //etc/passwd r"]).refused("not-permitted");
    /// Hides `..` behind dots and slashes.
    dots_and_slashes => acts(&["open ./in/.././//.././/../etc/passwd r"]).refused("not-permitted");
    /// Uses the other system's separator.
    backslashes => acts(&["open in\\..\\..\\outside\\canary.txt r"]).refused("no-entry");
    /// Writes `..` with percent signs.
    percent => acts(&["open %2e%2e/%2e%2e/outside/canary.txt r"]).refused("no-entry");
    /// Writes `..` in full-width characters.
    full_width_dots => acts(&["open \u{ff0e}\u{ff0e}/outside/canary.txt r"]).refused("no-entry");
    /// Cuts a path with a NUL.
    nul => acts(&["open in/a.txt\0/../../outside/canary.txt r"]).refused("");
    /// Opens nothing at all.
    empty => acts(&["open EMPTY r"]).refused("no-entry");
    /// Treats a file as a folder by a slash.
    trailing_slash => acts(&["open in/a.txt/ r"]).refused("not-directory");
    /// Treats a file as a folder by a dot.
    trailing_dot => acts(&["open in/a.txt/. r"]).refused("not-directory");
    /// Climbs out of a file.
    dot_dot_out_of_a_file => acts(&["open in/a.txt/../../../etc/passwd r"]).refused("not-directory");
    /// Looks at the processes of the host.
    proc => acts(&["open proc/self/environ r"]).refused("no-entry");
    /// Looks at the devices of the host.
    dev => acts(&["open dev/zero r"]).refused("no-entry");
    /// Looks at the host by the number of a descriptor.
    dev_fd => acts(&["open dev/fd/3 r"]).refused("no-entry");
    /// Makes a link to a file of the host and reads it.
    link_to_the_host => acts(&["symlink ../../../../etc/passwd out/l", "open out/l r"]).refused("not-permitted");
    /// Makes a link with an absolute target.
    absolute_link => acts(&["symlink /etc/passwd out/l", "open out/l r"]).refused("");
    /// Makes a link to the canary and reads it.
    link_to_the_canary => acts(&["symlink [HERE]/outside/canary.txt out/l", "open out/l r"]).refused("");
    /// Makes a link to a folder of the host and goes through it.
    link_to_a_folder => acts(&["symlink ../../.. out/l", "open out/l/outside/canary.txt r"]).refused("not-permitted");
    /// Goes through a chain of links.
    link_chain => acts(&["symlink .. out/a", "symlink a/.. out/b", "symlink b/../.. out/c", "open out/c/etc/passwd r"]).refused("not-permitted");
    /// Follows a link to itself.
    link_loop => acts(&["symlink l out/l", "open out/l r"]).refused("loop");
    /// Follows two links to each other.
    link_loop_of_two => acts(&["symlink b out/a", "symlink a out/b", "stat out/a/x"]).refused("loop");
    /// Swaps a folder for a link to outside between two calls.
    link_swap => acts(&["mkdir out/d", "stat out/d", "rmdir out/d", "symlink ../../outside out/d", "open out/d/canary.txt r"]).refused("not-permitted");
    /// Writes through a link to outside.
    write_through_a_link => acts(&["symlink ../../outside/canary.txt out/l", "open out/l wc"]).refused("");
    /// Makes a hard link to a file of the host.
    hard_link_to_the_host => acts(&["link ../../outside/canary.txt out/l"]).refused("not-permitted");
    /// Makes a hard link through a link that leads outside.
    hard_link_through_a_link => acts(&["symlink ../../outside/canary.txt out/l", "link-followed out/l out/m"]).refused("");
    /// Renames a file out of its world.
    rename_to_the_host => acts(&["open out/f wc", "rename out/f ../../outside/canary.txt"]).refused("");
    /// Renames a file of the host into its world.
    rename_from_the_host => acts(&["rename ../../outside/canary.txt out/f"]).refused("not-permitted");
    /// Removes a file of the host.
    unlink_on_the_host => acts(&["unlink ../../outside/canary.txt"]).refused("not-permitted");
    /// Makes a folder on the host.
    mkdir_on_the_host => acts(&["mkdir ../../outside/folder"]).refused("");
    /// Makes a name that is longer than any.
    long_name => acts(&["open out/LONG:256 wc"]).refused("name-too-long");
    /// Makes a path that is longer than any.
    long_path => acts(&["open DEEP:100000 r"]).refused("");
    /// Makes a name of a megabyte.
    huge_name => acts(&["open out/LONG:1048576 wc"]).refused("name-too-long");
    /// Makes a link to a target of a megabyte.
    huge_link => acts(&["symlink LONG:1048576 out/l"]).refused("name-too-long");
    /// Makes a file named `.`.
    file_named_dot => acts(&["open out/. wc"]).refused("");
    /// Makes a file named `..`.
    file_named_dot_dot => acts(&["open out/.. wc"]).refused("");
    /// Makes a file beside the mounts.
    file_in_the_root => acts(&["open new wc"]).refused("read-only");
    /// Makes a folder beside the mounts.
    folder_in_the_root => acts(&["mkdir new"]).refused("read-only");
    /// Removes a mount.
    unmount => acts(&["rmdir in"]).refused("");
    /// Renames a mount over another.
    rename_a_mount => acts(&["rename in work"]).refused("");
}
