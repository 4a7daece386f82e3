//! Looks for a marker in the files of a folder. Plain Zig: it knows nothing of Airtight.

const std = @import("std");
const Io = std.Io;

/// A line that has the marker.
pub const Finding = struct { path: []const u8, line: u32 };

/// A search, and what it has found so far.
pub const Search = struct {
    io: Io,
    /// Keeps paths and findings for as long as the search.
    arena: std.mem.Allocator,
    marker: []const u8,

    files: u32 = 0,
    bytes: u64 = 0,
    findings: std.ArrayList(Finding) = .empty,
    /// The path that could not be read, after `error.Unreadable`.
    unreadable: []const u8 = "",

    pub const Error = error{ Unreadable, OutOfMemory };

    /// Searches every regular file below a folder, in the order in which folders list them; symbolic links are passed over.
    pub fn folder(search: *Search, path: []const u8) Error!void {
        var dir = Io.Dir.cwd().openDir(search.io, relative(path), .{ .iterate = true }) catch return search.fail(path);
        defer dir.close(search.io);
        var entries = dir.iterate();
        while (entries.next(search.io) catch return search.fail(path)) |entry| {
            const inside = try std.fmt.allocPrint(search.arena, "{s}/{s}", .{ path, entry.name });
            switch (entry.kind) {
                .directory => try search.folder(inside),
                .file => try search.file(inside),
                else => {},
            }
        }
    }

    fn file(search: *Search, path: []const u8) Error!void {
        const content = Io.Dir.cwd().readFileAlloc(search.io, relative(path), search.arena, .unlimited) catch |err| switch (err) {
            error.OutOfMemory => return error.OutOfMemory,
            else => return search.fail(path),
        };
        defer search.arena.free(content);
        search.files += 1;
        search.bytes += content.len;
        var lines = std.mem.splitScalar(u8, content, '\n');
        var number: u32 = 1;
        while (lines.next()) |line| : (number += 1) {
            if (std.mem.find(u8, line, search.marker) != null) {
                try search.findings.append(search.arena, .{ .path = path, .line = number });
            }
        }
    }

    fn fail(search: *Search, path: []const u8) Error {
        search.unreadable = path;
        return error.Unreadable;
    }
};

/// Writes each finding as `PATH:LINE` to `/out/findings.txt`.
pub fn writeFindings(io: Io, findings: []const Finding) !void {
    const file = try Io.Dir.cwd().createFile(io, relative("/out/findings.txt"), .{});
    defer file.close(io);
    var buffer: [4096]u8 = undefined;
    var writer = file.writer(io, &buffer);
    for (findings) |finding| {
        try writer.interface.print("{s}:{d}\n", .{ finding.path, finding.line });
    }
    try writer.interface.flush();
}

/// WASI's paths are relative to a folder that is open. A step has one, `/`, and begins in it.
fn relative(path: []const u8) []const u8 {
    const inside = std.mem.trimStart(u8, path, "/");
    return if (inside.len == 0) "." else inside;
}
