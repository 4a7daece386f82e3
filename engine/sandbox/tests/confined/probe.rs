//! A process that confines itself, with several threads that live, and then tries from each what an escape would.

use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::sync::{Arc, Barrier};

use airtight_model::Outcome;
use airtight_sandbox::{CompileChild, Compiler, ConfineRules, EngineKind, confine};
use airtight_store::{OpenOptions, Store};
use libtest_mimic::Trial;

use crate::guests::{Host, command};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("every_thread_of_a_confined_process_is_refused", || probe(false)),
        trial("the_network_is_left_where_it_is_granted", || probe(true)),
    ]
}

/// Runs this program as the confined process; what is wrong there is on its standard error.
fn probe(network: bool) {
    let folder = tempfile::tempdir().unwrap();
    for name in ["allowed", "secret"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("secret/file"), "secret").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .arg("probe")
        .arg(folder.path())
        .arg(if network { "network" } else { "nothing" })
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

/// A thread that does what it is told and says what came of it.
struct Worker {
    ask: mpsc::Sender<Box<dyn FnOnce() -> Vec<String> + Send>>,
    answer: mpsc::Receiver<Vec<String>>,
}

impl Worker {
    fn start() -> Self {
        let (ask, asked) = mpsc::channel::<Box<dyn FnOnce() -> Vec<String> + Send>>();
        let (says, answer) = mpsc::channel();
        std::thread::spawn(move || {
            for task in asked {
                let _ = says.send(task());
            }
        });
        Self { ask, answer }
    }
}

pub(crate) fn confined() {
    let mut arguments = std::env::args().skip(2);
    let folder = PathBuf::from(arguments.next().unwrap());
    let network = arguments.next().as_deref() == Some("network");
    let workers: Vec<Worker> = (0..4).map(|_| Worker::start()).collect();
    // One that is never asked anything and waits in the kernel.
    let barrier = Arc::new(Barrier::new(2));
    let waiting = std::thread::spawn({
        let barrier = Arc::clone(&barrier);
        move || barrier.wait()
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let program = std::env::current_exe().unwrap();
    let child = CompileChild::start(&program, &["compile-child"]).unwrap();
    let guest = command(&[], "", "(call $print (i32.const 0) (i32.const 4))");
    let rules = ConfineRules {
        read: vec!["/proc/self".into(), "/dev/null".into(), folder.join("missing")],
        write: vec![folder.join("allowed")],
        network,
    };
    let applied = confine(&rules);
    assert_eq!(applied.seccomp, Ok(()), "{applied}");
    let landlock = applied.landlock.is_ok();

    let attempts = move |secret: PathBuf| attempts(&secret, port, network, landlock);
    let secret = folder.join("secret");
    let mut wrong = attempts(secret.clone());
    for worker in &workers {
        let (attempts, secret) = (attempts, secret.clone());
        worker.ask.send(Box::new(move || attempts(secret))).unwrap();
        wrong.extend(worker.answer.recv().unwrap());
    }
    let later = secret.clone();
    wrong.extend(std::thread::spawn(move || attempts(later)).join().unwrap());
    assert_eq!(wrong, Vec::<String>::new(), "{applied}");
    barrier.wait();
    waiting.join().unwrap();

    // What it is confined to still works: a store, and a component that the child compiles.
    still_works(&folder.join("allowed"), &guest, child);
}

fn still_works(folder: &Path, guest: &[u8], child: CompileChild) {
    let store = Store::open(&folder.join("store"), OpenOptions::default()).unwrap();
    let digest = store.put_blob(&vec![7; 3 << 20]).unwrap();
    assert_eq!(store.blob(&digest).unwrap().read_all().unwrap().len(), 3 << 20);
    std::fs::create_dir(folder.join("state")).unwrap();
    let compiler = Compiler::Child(Arc::new(child));
    let host = Host::with_compiler(Some(&folder.join("state")), EngineKind::Cranelift, compiler);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let report = runtime.block_on(host.run(&host.command(guest)));
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.cause);
    std::fs::rename(folder.join("state/native/key"), folder.join("key")).unwrap();
}

/// Whether an attempt was refused, and not merely without luck.
fn refused<T>(what: &str, result: io::Result<T>) -> Option<String> {
    match result {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => None,
        Err(error) => Some(format!("{what}: {error}")),
        Ok(_) => Some(format!("{what} was not refused")),
    }
}

fn call(number: libc::c_long, arguments: [usize; 4]) -> io::Result<()> {
    let [a, b, c, d] = arguments;
    // SAFETY: calls that are refused before they look at an argument; what passes here ends the test.
    match unsafe { libc::syscall(number, a, b, c, d) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn attempts(secret: &Path, port: u16, network: bool, landlock: bool) -> Vec<String> {
    let me = std::process::id() as usize;
    let path = CString::new("/bin/true").unwrap();
    let mut tried = vec![
        refused("to start a program", Command::new("/bin/true").status()),
        refused("execve", call(libc::SYS_execve, [path.as_ptr() as usize, 0, 0, 0])),
        refused(
            "ptrace",
            call(libc::SYS_ptrace, [libc::PTRACE_TRACEME as usize, 0, 0, 0]),
        ),
        refused("process_vm_readv", call(libc::SYS_process_vm_readv, [me, 0, 0, 0])),
        refused("bpf", call(libc::SYS_bpf, [0; 4])),
        refused(
            "unshare",
            call(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize, 0, 0, 0]),
        ),
        refused("a process", call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0])),
        refused("io_uring", call(libc::SYS_io_uring_setup, [1, 0, 0, 0])),
        refused("keyctl", call(libc::SYS_keyctl, [0; 4])),
        refused("a signal to init", call(libc::SYS_kill, [1, 0, 0, 0])),
        refused("tgkill", call(libc::SYS_tgkill, [1, 1, 0, 0])),
        refused("tkill", call(libc::SYS_tkill, [1, 0, 0, 0])),
        refused("rt_sigqueueinfo", call(libc::SYS_rt_sigqueueinfo, [1, 0, 0, 0])),
        refused("rt_tgsigqueueinfo", call(libc::SYS_rt_tgsigqueueinfo, [1, 1, 0, 0])),
        refused("pidfd_send_signal", call(libc::SYS_pidfd_send_signal, [0; 4])),
        refused(
            "to type into a terminal",
            call(libc::SYS_ioctl, [0, libc::TIOCSTI as usize, 0, 0]),
        ),
        refused(
            "to paste into a console",
            call(libc::SYS_ioctl, [0, libc::TIOCLINUX as usize, 0, 0]),
        ),
        refused("a socket of this machine", UnixDatagram::unbound()),
        refused(
            "a raw socket",
            call(
                libc::SYS_socket,
                [libc::AF_PACKET as usize, libc::SOCK_RAW as usize, 0, 0],
            ),
        ),
    ];
    if landlock {
        tried.extend([
            refused("to read /etc/passwd", std::fs::read("/etc/passwd")),
            refused("to list /", std::fs::read_dir("/")),
            refused("to read a secret", std::fs::read(secret.join("file"))),
            refused("to write beside it", std::fs::write(secret.join("new"), "x")),
            refused("to remove it", std::fs::remove_file(secret.join("file"))),
            refused("to truncate it", std::fs::File::create(secret.join("file"))),
        ]);
    }
    let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    if network {
        tried.push(connected.err().map(|error| format!("a connection: {error}")));
        tried.push(bound.err().map(|error| format!("a UDP socket: {error}")));
    } else {
        tried.push(refused("a connection", connected));
        tried.push(refused("a UDP socket", bound));
    }
    tried.into_iter().flatten().collect()
}
