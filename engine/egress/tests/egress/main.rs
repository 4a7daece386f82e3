//! The way out against real servers on this machine: HTTP, TLS, DNS, sockets, and servers that lie. Tests grant loopback
//! addresses where something is to succeed; nothing leaves the machine. Not here: PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod bounds;
mod dns;
mod hostile_servers;
mod http_basic;
mod secrets;
mod sockets;
mod support;
mod tls;
