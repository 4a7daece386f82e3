//! The step: `run` of wit/step.wit. `airtight build` makes its C side and gives it as the module `step`.

const std = @import("std");
const c = @import("step");
const find = @import("find.zig");

/// run: func(path: string, marker: option<string>) -> result<summary, string>
///
/// What is returned says which of the two was set: true is `ok`, false is `err`.
export fn exports_step_run(path: *c.step_string_t, marker: ?*c.step_string_t, ok: *c.step_summary_t, err: *c.step_string_t) bool {
    if (run(slice(path.*), if (marker) |text| slice(text.*) else "TODO")) |summary| {
        ok.* = summary;
        return true;
    } else |failure| {
        const text: []const u8 = switch (failure) {
            error.EmptyMarker => "the marker is empty",
            error.Unreadable => format("cannot read {s}", .{search.unreadable}),
            error.Unwritable => "cannot write /out/findings.txt",
            error.OutOfMemory => "out of memory",
        };
        // A copy, because the C side frees what is returned.
        c.step_string_dup_n(err, text.ptr, text.len);
        return false;
    }
}

/// Memory ends with the step, all at once.
var arena: std.heap.ArenaAllocator = .init(std.heap.c_allocator);
var search: find.Search = undefined;

fn run(path: []const u8, marker: []const u8) !c.step_summary_t {
    if (marker.len == 0) return error.EmptyMarker;
    var threaded: std.Io.Threaded = .init_single_threaded;
    const io = threaded.io();
    search = .{ .io = io, .arena = arena.allocator(), .marker = marker };
    try search.folder(path);

    const findings = search.findings.items;
    for (findings) |found| {
        var finding: c.airtight_step_report_finding_t = .{
            .rule = string("marker"),
            .severity = c.AIRTIGHT_STEP_REPORT_SEVERITY_WARNING,
            .message = string(format("found {s}", .{marker})),
            .location = .{
                .is_some = true,
                .val = .{ .path = string(found.path), .line = .{ .is_some = true, .val = found.line } },
            },
        };
        c.airtight_step_report_add_finding(&finding);
    }
    find.writeFindings(io, findings) catch return error.Unwritable;

    var message = string(format("{d} findings in {d} files", .{ findings.len, search.files }));
    var no_fields: c.airtight_step_log_list_field_t = .{};
    c.airtight_step_log_log(c.AIRTIGHT_STEP_LOG_LEVEL_INFO, &message, &no_fields);
    return .{ .files = search.files, .bytes = search.bytes, .findings = @intCast(findings.len) };
}

fn slice(text: c.step_string_t) []const u8 {
    return text.ptr[0..text.len];
}

/// A string for the host, which only reads it.
fn string(text: []const u8) c.step_string_t {
    return .{ .ptr = @constCast(text.ptr), .len = text.len };
}

fn format(comptime template: []const u8, values: anytype) []const u8 {
    return std.fmt.allocPrint(arena.allocator(), template, values) catch "out of memory";
}
