//! The step: a program with arguments, files, standard output and standard error.

const std = @import("std");
const find = @import("find.zig");

pub fn main(init: std.process.Init) !u8 {
    const io = init.io;
    const arena = init.arena.allocator();
    const arguments = try init.minimal.args.toSlice(arena);
    if (arguments.len < 2 or arguments.len > 3) return fail("usage: {{name}} PATH [MARKER]\n", .{}, 2);
    const marker = if (arguments.len == 3) arguments[2] else "TODO";
    if (marker.len == 0) return fail("error: the marker is empty\n", .{}, 1);

    var search: find.Search = .{ .io = io, .arena = arena, .marker = marker };
    search.folder(arguments[1]) catch |err| switch (err) {
        error.Unreadable => return fail("error: cannot read {s}\n", .{search.unreadable}, 1),
        error.OutOfMemory => return err,
    };
    const findings = search.findings.items;
    find.writeFindings(io, findings) catch return fail("error: cannot write /out/findings.txt\n", .{}, 1);

    var buffer: [4096]u8 = undefined;
    var stdout = std.Io.File.stdout().writer(io, &buffer);
    const out = &stdout.interface;
    for (findings) |finding| {
        try out.print("{s}:{d}: found {s}\n", .{ finding.path, finding.line, marker });
    }
    try out.print("{{\"files\":{d},\"bytes\":{d},\"findings\":{d}}}\n", .{ search.files, search.bytes, findings.len });
    try out.flush();
    return 0;
}

/// Says on standard error what is wrong, and gives the code to end with.
fn fail(comptime text: []const u8, values: anytype, code: u8) u8 {
    std.debug.print(text, values);
    return code;
}
