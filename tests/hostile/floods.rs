//! Guests that take more than they were given: space, files, handles, the host's memory and its log. A struck limit is a
//! failure that names the limit, never a crash, a hang or a cache entry.

use crate::harness::{acts, hostile};

hostile! { |_| {};
    /// Writes more bytes than it may.
    output => acts(&["fill out/f 3000000"]).limits("output: 1MiB").fails("wrote more than 1048576 bytes");
    /// Writes more bytes than it may to its scratch folder, which nobody collects.
    scratch => acts(&["fill tmp/f 3000000"]).limits("output: 1MiB").fails("wrote more than 1048576 bytes");
    /// Writes more bytes than it may to its copy of an input.
    copy => acts(&["fill work/f 3000000"]).limits("output: 1MiB").fails("wrote more than 1048576 bytes");
    /// Makes a file of a terabyte of nothing.
    sparse => acts(&["open out/f wc", "size out/f 1099511627776"]).limits("output: 1MiB").fails("wrote more than 1048576 bytes");
    /// Writes one byte at the end of all numbers.
    far => acts(&["far out/f 18446744073709551615"]).refused("");
    /// Writes one byte a terabyte away.
    far_away => acts(&["far out/f 1099511627776"]).limits("output: 1MiB").fails("wrote more than 1048576 bytes");
    /// Makes more files than it may.
    files => acts(&["files 2000"]).limits("files: 1000").fails("1000");
    /// Makes more folders than it may.
    folders => acts(&["folders 2000"]).limits("files: 1000").fails("1000");
    /// Makes more links than it may.
    links => acts(&["links 2000"]).limits("files: 1000").fails("1000");
    /// Makes more hard links than it may.
    hard_links => acts(&["open out/one wc", "hard-links 2000"]).limits("files: 1000").fails("1000");
    /// Logs more than it may.
    log => acts(&["log 3000 1000 0"]).limits("log: 1MiB").fails("1MiB");
    /// Logs empty lines, which cost as well.
    empty_lines => acts(&["log 3000000 0 0"]).limits("log: 1MiB").fails("1MiB");
    /// Logs lines of which each is longer than all lines may be.
    long_line => acts(&["log 300 3000000 0"]).limits("log: 1MiB").fails("1MiB");
    /// Logs lines with a thousand fields.
    fields => acts(&["log 30000 1 1000"]).limits("log: 1MiB").fails("1MiB");
    /// Prints more than it may.
    stdout => acts(&["print 3000000"]).limits("log: 1MiB").fails("1MiB");
    /// Prints errors more than it may.
    stderr => acts(&["eprint 3000000"]).limits("log: 1MiB").fails("1MiB");
    /// Reports more than anybody reads.
    reports => acts(&["metrics 2000000 1"]).fails("reports");
    /// Holds more files open than it may.
    handles => acts(&["handles 2000"]).limits("handles: 1000").fails("1000");
    /// Holds more streams of one file than it may.
    streams => acts(&["file-streams 2000"]).limits("handles: 1000").fails("1000");
    /// Holds more listings than it may.
    listings => acts(&["listings 2000"]).limits("handles: 1000").fails("1000");
    /// Holds more timers than it may.
    pollables => acts(&["pollables 2000"]).limits("handles: 1000").fails("1000");
    /// Asks whether nothing is ready.
    poll_nothing => acts(&["poll 0"]).fails("trapped");
    /// Asks for more randomness than there is room for.
    random => acts(&["random 18446744073709551615"]).fails("");
    /// Asks for a gigabyte of randomness.
    much_random => acts(&["random 1073741824"]).fails("");
    /// Hands over a text that is larger than the host takes in one call.
    huge_text => acts(&["summary 100000000"]).fails("");
    /// Takes all memory that there is.
    memory => acts(&["memory"]).limits("memory: 64MiB").fails("64MiB");
    /// Calls itself until there is no stack.
    stack => acts(&["stack"]).fails("");
    /// Goes round for ever.
    spin => acts(&["spin"]).limits("time: 1s").times_out();
    /// Goes round until its fuel is gone.
    fuel => acts(&["spin"]).limits("fuel: 10000000").fails("fuel");
    /// Waits until the end of time.
    sleep => acts(&["sleep"]).fails("");
    /// Makes and removes files for ever, so that no count of files is struck.
    churn => acts(&["churn 18446744073709551615"]).limits("time: 2s").times_out();
    /// Starts tasks of progress for ever.
    progress => acts(&["tasks 18446744073709551615"]).limits("time: 2s").times_out();
}
