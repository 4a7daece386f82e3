//! `airtight:step/secret`: secrets by handle. A guest has a placeholder or a signature, never a value. Not here: where
//! placeholders are replaced, and what is computed (`airtight_egress`).

use airtight_egress::{AwsRequest, JwtAlgorithm, SecretError, SecretHandle};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use super::Outside;
use crate::bindings::airtight::step::secret;
use crate::state::State;

/// The longest name of a secret, in bytes.
const MAX_NAME: usize = 256;
/// The largest thing that is signed besides a message, in bytes: claims, or a request's URL and headers.
const MAX_SIGNED: usize = 1 << 20;
/// The most headers of a request that is signed.
const MAX_HEADERS: usize = 256;
/// The longest text of an error, in bytes.
const MAX_TEXT: usize = 1 << 10;

/// A secret that the guest has opened.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub type Handle = SecretHandle;

/// Marks this capability in a linker.
pub(crate) struct Secret;

/// A borrow of the way out with the resource table.
pub(crate) struct SecretView<'a> {
    pub(crate) outside: &'a Outside,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Secret {
    type Data<'a> = SecretView<'a>;
}

/// Links the interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    secret::add_to_linker::<State, Secret>(linker, State::secret)
}

fn told(error: SecretError) -> secret::Error {
    match error {
        SecretError::Denied(text) => secret::Error::Denied(super::cut(text, MAX_TEXT)),
        SecretError::Invalid(text) => secret::Error::Invalid(super::cut(text, MAX_TEXT)),
    }
}

fn too_large(what: &str) -> secret::Error {
    secret::Error::Invalid(format!("{what} is larger than {} KiB", MAX_SIGNED >> 10))
}

impl secret::Host for SecretView<'_> {
    fn open(&mut self, name: String) -> wasmtime::Result<Result<Resource<Handle>, secret::Error>> {
        if name.len() > MAX_NAME {
            return Ok(Err(secret::Error::Invalid("no secret has such a long name".to_owned())));
        }
        match self.outside.session.secret(&name) {
            Ok(handle) => Ok(Ok(self.table.push(handle)?)),
            Err(error) => Ok(Err(told(error))),
        }
    }
}

impl secret::HostHandle for SecretView<'_> {
    fn placeholder(&mut self, this: Resource<Handle>) -> wasmtime::Result<String> {
        Ok(self.outside.session.placeholder(self.table.get(&this)?))
    }

    // The size of the message is bounded by what one call may take.
    fn hmac_sha256(
        &mut self,
        this: Resource<Handle>,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, secret::Error>> {
        let handle = self.table.get(&this)?;
        Ok(self.outside.session.hmac_sha256(handle, &message).map_err(told))
    }

    fn aws_sigv4(
        &mut self,
        this: Resource<Handle>,
        request: secret::AwsRequest,
    ) -> wasmtime::Result<Result<Vec<(String, String)>, secret::Error>> {
        let handle = self.table.get(&this)?;
        let headers = request.headers.iter().map(|(name, value)| name.len() + value.len());
        let texts = [
            &request.method,
            &request.url,
            &request.body_sha256,
            &request.region,
            &request.service,
        ];
        let size = headers.sum::<usize>() + texts.iter().map(|text| text.len()).sum::<usize>();
        if size > MAX_SIGNED || request.headers.len() > MAX_HEADERS {
            return Ok(Err(too_large("the request")));
        }
        let request = AwsRequest {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body_sha256: request.body_sha256,
            region: request.region,
            service: request.service,
        };
        Ok(self.outside.session.aws_sigv4(handle, &request).map_err(told))
    }

    fn jwt_sign(
        &mut self,
        this: Resource<Handle>,
        algorithm: secret::JwtAlgorithm,
        key_id: Option<String>,
        claims: String,
    ) -> wasmtime::Result<Result<String, secret::Error>> {
        let handle = self.table.get(&this)?;
        if claims.len() + key_id.as_ref().map_or(0, String::len) > MAX_SIGNED {
            return Ok(Err(too_large("what is to be signed")));
        }
        let algorithm = match algorithm {
            secret::JwtAlgorithm::Hs256 => JwtAlgorithm::Hs256,
            secret::JwtAlgorithm::Rs256 => JwtAlgorithm::Rs256,
            secret::JwtAlgorithm::Es256 => JwtAlgorithm::Es256,
            secret::JwtAlgorithm::Eddsa => JwtAlgorithm::EdDsa,
        };
        let signed = self
            .outside
            .session
            .jwt_sign(handle, algorithm, key_id.as_deref(), &claims);
        Ok(signed.map_err(told))
    }

    fn drop(&mut self, this: Resource<Handle>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
