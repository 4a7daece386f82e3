//! A PostgreSQL for tests: made, started and stopped, with a certificate of its own and users who log in in several ways.
//! Shared by the tests that run at a time. Not here: what is asked of it.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, Weak};

/// Says that a test without PostgreSQL is a failed test.
const REQUIRED: &str = "AIRTIGHT_TEST_POSTGRES";

/// The password of every user.
pub(crate) const PASSWORD: &str = "s3cr3t, with \u{fc} and 'quotes'";

/// A running server.
pub(crate) struct Database {
    programs: PathBuf,
    folder: tempfile::TempDir,
    /// Who it runs as: PostgreSQL refuses root.
    user: Option<(u32, u32)>,
    pub(crate) port: u16,
    /// The certificate that its own is signed by, in PEM.
    pub(crate) ca: String,
}

static SHARED: Mutex<Weak<Database>> = Mutex::new(Weak::new());

/// The server; none where there is no PostgreSQL and nobody says that there has to be.
pub(crate) fn database() -> Option<Arc<Database>> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let Some(programs) = programs() else {
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "there is no PostgreSQL: install it, on Debian with `apt-get install postgresql`"
        );
        eprintln!("skipped: there is no PostgreSQL");
        return None;
    };
    // A port that is free can be taken by another before the server takes it.
    let started = (0..5).find_map(|_| Database::start(&programs)).map(Arc::new);
    let running = started.expect("PostgreSQL does not start");
    *shared = Arc::downgrade(&running);
    Some(running)
}

/// The folder with PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps them out of the path, a folder for each version.
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let whole = |folder: &Path| {
        ["initdb", "pg_ctl", "psql"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    let mut found = folders.into_iter().filter_map(|folder| {
        let real = folder.join("initdb").canonicalize().ok()?;
        real.parent().map(Path::to_owned)
    });
    found.find(|folder| whole(folder))
}

/// The user that PostgreSQL runs as where the tests run as root.
fn unprivileged() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let fields: Vec<&str> = users
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.collect()))?;
        Some((fields.get(1)?.parse().ok()?, fields.get(2)?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}

impl Database {
    fn start(programs: &Path) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("airtight-postgres-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut own = Self {
            programs: programs.to_owned(),
            folder,
            user: unprivileged(),
            port,
            ca: String::new(),
        };
        own.give(own.folder.path());
        own.run(
            "initdb",
            &[
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                "--auth=trust",
                "--username=owner",
            ],
        )
        .then_some(())?;
        own.configure();
        let log = own.folder.path().join("log").display().to_string();
        own.run("pg_ctl", &["start", "--wait", "--silent", "--log", &log])
            .then_some(())?;
        own.users();
        Some(own)
    }

    /// What PostgreSQL's own client prints, given where to connect and what to ask.
    pub(crate) fn client(&self, to: &str, sql: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-A", "-t", "-w", "-d", to, "-c", sql]);
        let output = command.env_clear().stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn give(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .env("PGDATA", self.data())
            .current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command.status().unwrap().success()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self.give(&path);
    }

    fn configure(&mut self) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut root = rcgen::CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        self.ca = root.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(root, key);
        let own = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        self.write("server.crt", &certificate.signed_by(&own, &issuer).unwrap().pem());
        self.write("server.key", &own.serialize_pem());
        let (port, sockets) = (self.port, self.folder.path().display());
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{sockets}'\nssl = on\nfsync = off\n"
        );
        self.write("postgresql.conf", &settings);
        let hosts = "local all owner trust\n\
             host all plain 127.0.0.1/32 password\n\
             host all old 127.0.0.1/32 md5\n\
             host all anyone 127.0.0.1/32 trust\n\
             hostssl all encrypted 127.0.0.1/32 scram-sha-256\n\
             host all app 127.0.0.1/32 scram-sha-256\n";
        self.write("pg_hba.conf", hosts);
    }

    fn users(&self) {
        let quoted = PASSWORD.replace('\'', "''");
        let user = |name: &str, kind: &str| {
            format!("set password_encryption = '{kind}'; create role {name} login password '{quoted}';")
        };
        let scram = ["plain", "anyone", "encrypted", "app"]
            .map(|name| user(name, "scram-sha-256"))
            .concat();
        let (port, sockets) = (self.port.to_string(), self.folder.path().display().to_string());
        let ask = |sql: &str| {
            let to = [
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                &sockets,
                "-p",
                &port,
                "-U",
                "owner",
                "-d",
                "postgres",
            ];
            let arguments = [to.as_slice(), &["-c", sql]].concat();
            assert!(self.run("psql", &arguments), "psql -c");
        };
        ask(&format!("{scram}{}", user("old", "md5")));
        ask("create database orders");
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "--mode=immediate", "--wait", "--silent"]);
    }
}
