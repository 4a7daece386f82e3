//! Logins from the Docker credential files: `config.json` with its `auths`, and the programs that `credsStore` and `credHelpers` name.
//! Not here: where the file is, which we are told.

use std::fmt;
use std::path::{Path, PathBuf};

use docker_credential::{CredentialRetrievalError, DockerCredential};

use crate::error::{RegistryError, cut};

/// The largest file of logins that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// What Docker's own registry is called, by who names it and in the files of logins.
pub(crate) const DOCKER: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// A login. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    /// A name and a password.
    Password(String, String),
    /// A token that another token is got with.
    Token(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// Finds the login for a registry in the folder with Docker's `config.json`; none if there is none.
pub(crate) fn login(folder: Option<&Path>, host: &str) -> Result<Option<Login>, RegistryError> {
    let Some(file) = folder.map(|folder| folder.join("config.json")) else {
        return Ok(None);
    };
    let server = if host == DOCKER.0 { DOCKER.1 } else { host };
    let text = match read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(host, &file, &error.to_string())),
    };
    match docker_credential::get_credential_from_reader(text.as_slice(), server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Some(Login::Password(user, password))),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Login::Token(token))),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        // What all helpers say where they have none.
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, .. })
            if [&stdout, &stderr]
                .iter()
                .any(|text| text.contains("credentials not found")) =>
        {
            Ok(None)
        }
        // What it wrote to its output may be half a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, stderr, .. }) => {
            let said = cut(&stderr);
            Err(failed(
                host,
                &file,
                &format!("`{helper}`, which it names, failed: {said}"),
            ))
        }
        Err(CredentialRetrievalError::ConfigReadError) => Err(failed(host, &file, "it is not the JSON of Docker")),
        Err(error) => Err(failed(host, &file, &error.to_string())),
    }
}

fn read(file: &PathBuf) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn failed(host: &str, file: &Path, cause: &str) -> RegistryError {
    RegistryError::Credentials {
        to: host.to_owned(),
        from: file.display().to_string(),
        cause: cause.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(text: &str, host: &str) -> Result<Option<Login>, RegistryError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        login(Some(folder.path()), host)
    }

    // What `docker login` writes, and what others write into the same file.
    #[test]
    fn logins_are_found_by_their_registry() {
        let text = r#"{"auths": {"a.example:5000": {"auth": "bWU6czphIQ=="}, "https://b.example/v1/": {"username": "u", "password": "p"},
            "c.example": {"identitytoken": "t"}, "https://index.docker.io/v1/": {"auth": "aHViOng="}, "d.example": {}}}"#;
        let password = |user: &str, password: &str| Some(Login::Password(user.to_owned(), password.to_owned()));
        assert_eq!(of(text, "a.example:5000").unwrap(), password("me", "s:a!"));
        assert_eq!(of(text, "a.example").unwrap(), None);
        assert_eq!(of(text, "b.example").unwrap(), password("u", "p"));
        assert_eq!(of(text, "c.example").unwrap(), Some(Login::Token("t".to_owned())));
        assert_eq!(of(text, "docker.io").unwrap(), password("hub", "x"));
        assert_eq!(of(text, "d.example").unwrap(), None);
        assert_eq!(login(None, "a.example").unwrap(), None);
        assert_eq!(login(Some(Path::new("/nowhere/at/all")), "a.example").unwrap(), None);
    }

    // A file that does not read is an error and not the same as no login; nothing of it is shown.
    #[test]
    fn a_file_that_does_not_read_is_named_and_not_shown() {
        for text in [
            "secret",
            "{\"auths\": {\"a.example\": {\"auth\": \"!secret\"}}}",
            "{\"credsStore\": \"airtight-none\"}",
        ] {
            let error = of(text, "a.example").unwrap_err().to_string();
            assert!(error.contains("config.json") && !error.contains("secret"), "{error}");
        }
    }
}
