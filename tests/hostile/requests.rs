//! Requests that are two, or another one than was checked: header injection, smuggling, and floods of either side. The
//! server records what it hears; what must not be heard has the case's name in it.

use crate::harness::{Case, hostile, outside};
use crate::servers::start;

const GRANT: &str = "http: [ { url: \"http://127.0.0.1:[PORT]\", methods: [ GET, POST ] } ]";

/// A request with parts that should not go out.
fn sends(method: &str, parts: &str) -> Case {
    let act = format!("http|{method}|http://127.0.0.1:[PORT]/[[NAME]]|{parts}");
    outside(GRANT, &[&act]).stopped("refused: ")
}

/// A request with parts of which something goes out, and something must not.
fn sends_only(parts: &str) -> Case {
    let act = format!("http|GET|http://127.0.0.1:[PORT]/echo|{parts}");
    outside(GRANT, &[&act, "fail|$last"]).fails("refused: 200")
}

/// A request with an odd URL.
fn asks(method: &str, authority: &str, path: &str) -> Case {
    let act = format!("request|{method}|http|{authority}|{path}");
    outside(GRANT, &[&act]).stopped("refused: ")
}

/// A request to a server that is hostile.
fn from_server(path: &str, limits: &str) -> Case {
    let act = format!("http|GET|http://127.0.0.1:[PORT]/{path}");
    outside(GRANT, &[&act]).limits(limits)
}

hostile! { start;
    /// Ends a header's value and begins another header.
    crlf_in_a_value => sends("GET", "x-a=b\r\nx-evil: 1");
    /// Ends a header's value and begins another request.
    request_in_a_value => sends("GET", "x-a=b\r\n\r\nGET /[[NAME]] HTTP/1.1\r\nhost: x\r\n\r\n");
    /// Ends a header's value by a line feed alone.
    lf_in_a_value => sends("GET", "x-a=b\nx-evil: 1");
    /// Ends a header's value by a carriage return alone.
    cr_in_a_value => sends("GET", "x-a=b\rx-evil: 1");
    /// Cuts a header's value by a NUL.
    nul_in_a_value => sends("GET", "x-a=b\0c");
    /// Ends a header's name and begins another header.
    crlf_in_a_name => sends("GET", "x-a: b\r\nx-evil=1");
    /// Has a space before the colon.
    space_in_a_name => sends("GET", "transfer-encoding =chunked");
    /// Has a header without a name.
    empty_name => sends("GET", "=b");
    /// Has a name that begins a continuation of the line before.
    folded => sends("GET", " x-a=b");
    /// Ends the path and begins a header.
    crlf_in_the_path => asks("GET", "127.0.0.1:[PORT]", "/[[NAME]]\r\nx-evil: 1");
    /// Ends the request line within the path.
    space_in_the_path => asks("GET", "127.0.0.1:[PORT]", "/[[NAME]] HTTP/1.1 x");
    /// Asks for a path that does not begin as one.
    path_without_a_slash => asks("GET", "127.0.0.1:[PORT]", "[[NAME]]");
    /// Asks for a whole URL, as one asks a proxy.
    url_as_a_path => asks("GET", "127.0.0.1:[PORT]", "http://127.0.0.2:[PORT]/[[NAME]]");
    /// Begins a header within the method.
    crlf_in_the_method => asks("GET / HTTP/1.1\r\nx-evil: 1\r\nx:", "127.0.0.1:[PORT]", "/[[NAME]]");
    /// Has a method in small letters, which some servers read as another.
    small_method => asks("get", "127.0.0.1:[PORT]", "/[[NAME]]");
    /// Opens a tunnel.
    connect => asks("CONNECT", "127.0.0.1:[PORT]", "/[[NAME]]");
    /// Asks the server to send the request back, with what the host has put into it.
    trace => asks("TRACE", "127.0.0.1:[PORT]", "/[[NAME]]");
    /// Begins a header within the host.
    crlf_in_the_host => asks("GET", "127.0.0.1:[PORT]\r\nx-evil: 1", "/[[NAME]]");
    /// Has a port that is none.
    odd_port => asks("GET", "127.0.0.1:0[PORT]0000", "/[[NAME]]");
    /// Asks one host and says another.
    another_host => sends("GET", "host=127.0.0.2");
    /// Says two hosts.
    two_hosts => sends("GET", "host=127.0.0.1:[PORT]|host=127.0.0.2:[PORT]");
    /// Sends a body of another length than it says.
    short_body => sends("POST", "content-length=100|body=[[NAME]]").heard();
    /// Sends a body that is longer than it says: the rest would be another request.
    long_body => sends("POST", "content-length=2|body=xxGET /[[NAME]] HTTP/1.1\r\nhost: x\r\n\r\n").heard();
    /// Says two lengths.
    two_lengths => sends("POST", "content-length=2|content-length=40|body=xx");
    /// Says a length that is no number.
    odd_length => sends("POST", "content-length=+2|body=xx");
    /// Says two lengths in one.
    list_of_lengths => sends("POST", "content-length=2, 2|body=xx");
    /// Says that the body comes in chunks, and a length.
    length_and_chunks => sends("POST", "content-length=2|transfer-encoding=chunked|body=xx");
    /// Says that the body comes in chunks of a kind that nobody knows.
    odd_coding => sends("POST", "transfer-encoding=xchunked|body=0\r\n\r\nGET /[[NAME]] HTTP/1.1\r\n\r\n");
    /// Speaks another protocol from here on.
    upgrade => sends("GET", "connection=upgrade|upgrade=websocket");
    /// Begins HTTP/2 in the clear.
    h2c => sends("GET", "upgrade=h2c|connection=upgrade, http2-settings|http2-settings=AAMAAABkAARAAAAAAAIAAAAA");
    /// Says who it is to a proxy.
    proxy => sends("GET", "proxy-authorization=Basic eDp5");
    /// Has the host's own headers removed on the way.
    connection => sends("GET", "connection=host, authorization|x-a=b");
    /// Makes the server wait for what never comes.
    expect => sends_only("expect=100-continue|te=trailers|trailer=x-evil").heard();
    /// Has headers that are larger than anybody's.
    large_headers => sends("GET", "x-a=LONG:200000").fails("headers of a request").heard();
    /// Has a path that is longer than any.
    path_of_a_megabyte => asks("GET", "127.0.0.1:[PORT]", "/LONG:1000000").stopped("");
    /// Gets a body without an end.
    endless_body => from_server("endless", "net: { body: 512KiB }").fails("body").heard();
    /// Gets bodies without an end until all is used up.
    endless_total => from_server("endless", "net: { total: 1MiB }").fails("sent and received").heard();
    /// Gets headers without an end.
    endless_headers => from_server("headers", "net: { headers: 16KiB }").stopped("").heard();
    /// Sends more requests than it may.
    many_requests => outside(GRANT, &["http|GET|http://127.0.0.1:[PORT]/", "http|GET|http://127.0.0.1:[PORT]/",
        "http|GET|http://127.0.0.1:[PORT]/"]).limits("net: { requests: 2 }").fails("requests").heard();
}
