//! Tricks with hosts and addresses: a step reaches what its grants name and nothing else, however it is written, whatever a
//! name server says and wherever a server redirects to. A web server is at 127.0.0.1, and another at 127.0.0.2, both at
//! `[PORT]`; the name server answers `a-10-0-0-1.example.com` with 10.0.0.1.

use serde_json::json;

use crate::harness::{Case, fetch, hostile, outside};
use crate::servers::start;

/// A step that may reach public hosts below example.com asks for a host.
fn asks(host: &str) -> Case {
    let url = format!("http|GET|http://{host}:[PORT]/[[NAME]]");
    outside("http: [ \"http://*.example.com:[PORT]\" ]", &[&url])
}

/// A name leads to an address that is not of the public internet.
fn leads_to(address: &str) -> Case {
    asks(&format!("{address}.example.com")).denied("ErrorCode::DestinationIpProhibited")
}

/// A step that may GET below `/v1` at the server asks for something else.
fn beyond(method: &str, url: &str) -> Case {
    let act = format!("http|{method}|{url}");
    outside("http: [ \"http://127.0.0.1:[PORT]/v1\" ]", &[&act]).denied("ErrorCode::HttpRequestDenied")
}

/// A server that may be reached redirects a download.
fn redirected(to: &str) -> Case {
    let url = format!("http://127.0.0.1:[PORT]/redirect/file?{to}");
    fetch("http: [ \"http://127.0.0.1:[PORT]\" ]", json!({ "url": url }))
}

const NOT_GRANTED: &str = "ErrorCode::HttpRequestDenied";

hostile! { start;
    /// Asks for a host that was not granted.
    another_host => asks("127.0.0.1").denied(NOT_GRANTED);
    /// Writes the address as one number.
    decimal => asks("2130706433").denied(NOT_GRANTED);
    /// Writes the address with octal numbers.
    octal => asks("0177.0.0.1").denied(NOT_GRANTED);
    /// Writes the address with hexadecimal numbers.
    hexadecimal => asks("0x7f.0.0.1").denied(NOT_GRANTED);
    /// Leaves numbers of the address out.
    short => asks("127.1").denied(NOT_GRANTED);
    /// Writes an IPv4 address as an IPv6 one.
    mapped => asks("[::ffff:127.0.0.1]").denied(NOT_GRANTED);
    /// Writes an IPv4 address as a compatible IPv6 one.
    compatible => asks("[::127.0.0.1]").denied(NOT_GRANTED);
    /// Writes an IPv4 address behind a translator.
    nat64 => asks("[64:ff9b::7f00:1]").denied(NOT_GRANTED);
    /// Asks for the address that is no address.
    unspecified => asks("0.0.0.0").denied(NOT_GRANTED);
    /// Asks for this machine by name.
    localhost => asks("localhost").denied(NOT_GRANTED);
    /// Asks for this machine by a name with a dot at the end.
    localhost_with_a_dot => asks("localhost.").denied(NOT_GRANTED);
    /// Writes an address with a dot at the end.
    address_with_a_dot => asks("127.0.0.1.").stopped("refused: ");
    /// Writes an address in full-width digits.
    full_width_digits => asks("１２７.0.0.1").stopped("refused: ");
    /// Asks for a name that ends as a granted one does.
    suffix => asks("evilexample.com").denied(NOT_GRANTED);
    /// Asks for a name that begins as a granted one does.
    prefix => asks("a.example.com.evil.com").denied(NOT_GRANTED);
    /// Asks for the name itself, of which only those below are granted.
    apex => asks("example.com").denied(NOT_GRANTED);
    /// Asks for a name that looks like a granted one.
    look_alike => asks("a.ex\u{0430}mple.com").stopped("refused: ");
    /// Asks for a name that looks like a granted one, in its ASCII form.
    look_alike_in_ascii => asks("a.xn--exmple-4nf.com").denied(NOT_GRANTED);
    /// Puts the granted host before an `@`.
    userinfo => asks("a.example.com@127.0.0.1").stopped("refused: ");
    /// Puts the granted host into the password.
    password => asks("x:a.example.com@127.0.0.1").stopped("refused: ");
    /// Puts the granted host behind a `#`.
    fragment => asks("127.0.0.1#.example.com").stopped("refused: ");
    /// Puts the granted host behind a backslash.
    backslash => asks("127.0.0.1\\.example.com").stopped("refused: ");
    /// Writes a dot of a name with a percent sign.
    percent => asks("127%2e0.0.1").stopped("refused: ");
    /// Has a name that is no name.
    empty_label => asks("a..example.com").stopped("refused: ");
    /// Leaves the host out.
    no_host => asks("").stopped("refused: ");

    /// Has a name that leads to this machine.
    name_of_loopback => leads_to("a-127-0-0-1");
    /// Has a name that leads to a private network.
    name_of_a_private_address => leads_to("a-10-0-0-1");
    /// Has a name that leads to another private network.
    name_of_another_private_address => leads_to("a-192-168-1-1");
    /// Has a name that leads to where clouds keep their metadata.
    name_of_the_metadata => leads_to("a-169-254-169-254");
    /// Has a name that leads behind the provider's translator.
    name_of_a_shared_address => leads_to("a-100-64-0-1");
    /// Has a name that leads to nowhere, which is here.
    name_of_zero => leads_to("a-0-0-0-0");
    /// Has a name that leads to everybody.
    name_of_everybody => leads_to("a-255-255-255-255");
    /// Has a name that leads to many.
    name_of_many => leads_to("a-224-0-0-1");
    /// Has a name that leads to this machine by IPv6.
    name_of_loopback_6 => leads_to("b-1");
    /// Has a name that leads to this machine by an IPv4 address as an IPv6 one.
    name_of_a_mapped_address => leads_to("b-ffff7f000001");
    /// Has a name that leads to this machine behind a translator.
    name_of_a_translated_address => leads_to("b-64ff9b00000000000000007f000001");
    /// Has a name that leads to the metadata by IPv6.
    name_of_the_metadata_6 => leads_to("b-fd000ec2000000000000000000000254");
    /// Has a name that leads to a neighbour by IPv6.
    name_of_a_neighbour_6 => leads_to("b-fe800000000000000000000000000001");

    /// Has a name server that changes its answer between check and use: the first one holds.
    rebinding => outside("http: [ { url: \"http://*.example.com:[PORT]\", addresses: [ \"127.0.0.1\" ] } ]", &[
        "http|GET|http://rebind-[NAME].example.com:[PORT]/", "http|GET|http://rebind-[NAME].example.com:[PORT]/", "fail|$last"])
        .fails("near").heard();
    /// Has a name server that leads to what is refused first, and to what is granted when asked again.
    rebinding_the_other_way => outside("http: [ { url: \"http://*.example.com:[PORT]\", addresses: [ \"127.0.0.1\" ] } ]", &[
        "http|GET|http://turned.example.com:[PORT]/[[NAME]]"]).denied("ErrorCode::DestinationIpProhibited");
    /// Looks a name up that was not granted, to tell whoever runs its servers.
    lookup => outside("net: [ \"tcp://*.example.com:[PORT]\" ]", &["lookup|[[NAME]].evil.com"]).stopped("refused: ");

    /// Asks for another port.
    another_port => outside("http: [ \"http://127.0.0.1:1\" ]", &["http|GET|http://127.0.0.1:[PORT]/[[NAME]]"]).denied(NOT_GRANTED);
    /// Asks for another scheme.
    another_scheme => outside("http: [ \"https://127.0.0.1:[PORT]\" ]", &["http|GET|http://127.0.0.1:[PORT]/[[NAME]]"]).denied(NOT_GRANTED);
    /// Asks by another method.
    another_method => beyond("POST", "http://127.0.0.1:[PORT]/v1/[[NAME]]");
    /// Asks by a method that nobody knows.
    odd_method => beyond("DELETEALL", "http://127.0.0.1:[PORT]/v1/[[NAME]]");
    /// Asks for another path.
    another_path => beyond("GET", "http://127.0.0.1:[PORT]/v2/[[NAME]]");
    /// Asks for a path that begins as the granted one does.
    path_prefix => beyond("GET", "http://127.0.0.1:[PORT]/v10/[[NAME]]");
    /// Climbs out of the granted path.
    path_dots => beyond("GET", "http://127.0.0.1:[PORT]/v1/../[[NAME]]");
    /// Climbs out of the granted path with percent signs.
    path_percent_dots => beyond("GET", "http://127.0.0.1:[PORT]/v1/%2e%2E/[[NAME]]");
    /// Climbs out of the granted path with a slash that is written with a percent sign.
    path_percent_slash => beyond("GET", "http://127.0.0.1:[PORT]/v1/..%2f[[NAME]]");
    /// Climbs out of the granted path with a backslash.
    path_backslash => beyond("GET", "http://127.0.0.1:[PORT]/v1/..\\[[NAME]]");
    /// Asks for a path in another case.
    path_case => beyond("GET", "http://127.0.0.1:[PORT]/V1/[[NAME]]");

    /// Is redirected to another address.
    redirect_inside => redirected("http://127.0.0.2:[PORT]/[[NAME]]").stopped("may not request `http://127.0.0.2").heard();
    /// Is redirected to where clouds keep their metadata.
    redirect_to_the_metadata => redirected("http://169.254.169.254/latest/meta-data/").stopped("may not request").heard();
    /// Is redirected to a name that leads inside.
    redirect_to_a_name => fetch("http: [ \"http://127.0.0.1:[PORT]\", \"http://*.example.com:[PORT]\" ]",
        json!({ "url": "http://127.0.0.1:[PORT]/redirect/file?http://a-127-0-0-2.example.com:[PORT]/[NAME]" }))
        .stopped("not of the public internet").heard();
    /// Is redirected to a file of the host.
    redirect_to_a_file => redirected("file:///etc/passwd").fails("redirects").heard();
    /// Is redirected to a host behind a user.
    redirect_with_a_user => redirected("http://127.0.0.1:[PORT]@127.0.0.2:[PORT]/").fails("redirects").heard();
    /// Is redirected round and round.
    redirect_round => redirected("/redirect/file").fails("").heard();

    /// Opens a socket without a grant.
    socket => outside("", &["tcp|127.0.0.1:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Opens a socket with a grant for HTTP.
    socket_beside_http => outside("http: [ \"http://127.0.0.1:[PORT]\" ]", &["tcp|127.0.0.1:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Opens a socket to another port.
    socket_at_another_port => outside("net: [ \"tcp://127.0.0.1:1\" ]", &["tcp|127.0.0.1:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Opens a socket to another address.
    socket_at_another_address => outside("net: [ \"tcp://127.0.0.1:[PORT]\" ]", &["tcp|127.0.0.2:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Opens a socket to the address of a granted name that it never looked up.
    socket_without_a_name => outside("net: [ { to: \"tcp://rebind.example.com:[PORT]\", addresses: [ \"127.0.0.0/8\" ] } ]",
        &["tcp|127.0.0.2:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Opens a socket by a name that leads inside.
    socket_by_a_name => outside("net: [ \"tcp://*.example.com:[PORT]\" ]", &["tcp|a-127-0-0-1.example.com:[PORT]|GET /[[NAME]] HTTP/1.0\r\n\r\n"]).denied("");
    /// Sends a datagram without a grant.
    datagram => outside("", &["udp|127.0.0.1:[DNS]|[[NAME]]"]).denied("");
    /// Sends a datagram with a grant for TCP.
    datagram_beside_tcp => outside("net: [ \"tcp://127.0.0.1:[DNS]\" ]", &["udp|127.0.0.1:[DNS]|[[NAME]]"]).denied("");
    /// Listens.
    listen => outside("", &["listen|127.0.0.1:0"]).denied("");
    /// Listens, with a grant to connect.
    listen_beside_a_grant => outside("net: [ \"tcp://127.0.0.1:[PORT]\" ]", &["listen|0.0.0.0:0"]).denied("");
    /// Is refused so often that nobody could read it all.
    many_refusals => outside("", &["refusals|3000"]).denied("");
}
