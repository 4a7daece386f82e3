//! The artifact: its manifest and config, written the same way for the same component, and read from whoever serves them. Not here:
//! sending and receiving.
//!
//! The form is that of the CNCF's working group (`wasm-oci-artifact`), which `wkg` writes: a config
//! `application/vnd.wasm.config.v0+json` and one layer `application/wasm`. Readers of it ask for a time in the config, so there is one, and
//! it is always the same.

use std::collections::BTreeMap;

use airtight_model::{OciRef, Sha256Digest};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::describe::Described;
use crate::error::{RegistryError, cut};

/// The largest manifest or config that is taken, in bytes.
pub const MAX_MANIFEST: u64 = 4 << 20;
/// The largest component that is taken, in bytes.
pub const MAX_LAYER: u64 = 512 << 20;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// What a layer was called before there was a common form.
const OLD_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// Configs of container images.
const IMAGES: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
/// Lists of manifests.
const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
/// What a registry is told that we can read. The lists are there so that it sends them, and we can say what they are.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// Any time will do, as long as it is always the same.
const CREATED: &str = "1970-01-01T00:00:00Z";
const TITLE: &str = "org.opencontainers.image.title";

/// Something that a manifest names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    digest: String,
    media_type: String,
    size: u64,
}

/// A manifest as it is written: keys in the order of the alphabet, as canonical JSON has them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    config: Descriptor,
    layers: [Descriptor; 1],
    media_type: &'static str,
    schema_version: u32,
}

/// What is read of a manifest: what is not known stays what it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<serde_json::Value>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// The config, in the order in which `wkg` writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile<'a> {
    created: &'static str,
    author: Option<&'a str>,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [String; 1],
    component: Option<Interface<'a>>,
}

#[derive(Debug, Serialize)]
struct Interface<'a> {
    exports: &'a [String],
    imports: &'a [String],
    target: Option<&'a str>,
}

/// What is read of a config.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadConfig {
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    layer_digests: Option<Vec<String>>,
}

/// An artifact to push.
#[derive(Debug, Clone)]
pub struct NewArtifact {
    pub(crate) manifest: Bytes,
    pub(crate) config: Bytes,
    pub(crate) layer: Bytes,
}

impl NewArtifact {
    /// Packs a component. The same component under the same name is the same artifact.
    pub fn of(wasm: Bytes, described: &Described, reference: &OciRef) -> Self {
        let layer = sha256(&wasm);
        let config = ConfigFile {
            created: CREATED,
            author: described
                .annotations
                .get("org.opencontainers.image.authors")
                .map(String::as_str),
            architecture: "wasm",
            os: if described.component { "wasip2" } else { "wasip1" },
            layer_digests: [layer.to_string()],
            component: described.component.then_some(Interface {
                exports: &described.exports,
                imports: &described.imports,
                target: None,
            }),
        };
        let config = serde_json::to_vec(&config).expect("texts and numbers are JSON");
        // Who saves the files of any artifact, as `oras pull` does, asks for a name of each.
        let title = BTreeMap::from([(TITLE.to_owned(), format!("{}.wasm", reference.last()))]);
        let descriptor = |digest: Sha256Digest, media_type: &str, size: usize, annotations| Descriptor {
            annotations,
            digest: digest.to_string(),
            media_type: media_type.to_owned(),
            size: size as u64,
        };
        let manifest = Written {
            annotations: described.annotations.clone(),
            config: descriptor(sha256(&config), CONFIG, config.len(), BTreeMap::new()),
            layers: [descriptor(layer, LAYER, wasm.len(), title)],
            media_type: MANIFEST,
            schema_version: 2,
        };
        Self {
            manifest: serde_json::to_vec(&manifest)
                .expect("texts and numbers are JSON")
                .into(),
            config: config.into(),
            layer: wasm,
        }
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> Sha256Digest {
        sha256(&self.manifest)
    }
}

/// A component in a registry, as its manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The digest of the manifest: computed here.
    pub manifest: Sha256Digest,
    /// The digest of the component that the manifest names.
    pub layer: Sha256Digest,
    /// The size of the component that the manifest names.
    pub size: u64,
    /// The manifest's annotations: what its maker says of it.
    pub annotations: BTreeMap<String, String>,
    /// The config to check, where it is one of the known form.
    pub(crate) config: Option<(Sha256Digest, u64)>,
}

impl Artifact {
    /// Reads a manifest.
    pub(crate) fn read(reference: &OciRef, bytes: &[u8]) -> Result<Self, RegistryError> {
        let wrong = |what: String| RegistryError::NotAComponent {
            reference: reference.to_string(),
            what,
        };
        let read: Read =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("its manifest does not read: {error}")))?;
        let kind = read.media_type.as_deref().unwrap_or(MANIFEST);
        if read.manifests.is_some() || INDEXES.contains(&kind) {
            return Err(wrong("it is a list of images for several platforms".to_owned()));
        }
        if read.schema_version != 2 || ![MANIFEST, DOCKER_MANIFEST].contains(&kind) {
            return Err(wrong(format!("its manifest is of the kind `{}`", cut(kind))));
        }
        let (Some(config), Some(layers)) = (read.config, read.layers) else {
            return Err(wrong("its manifest has no layers".to_owned()));
        };
        if IMAGES.contains(&config.media_type.as_str()) {
            return Err(wrong("it is a container image".to_owned()));
        }
        let [layer] = layers.as_slice() else {
            return Err(wrong(format!("it has {} layers, and a component is one", layers.len())));
        };
        if ![LAYER, OLD_LAYER].contains(&layer.media_type.as_str()) {
            return Err(wrong(format!("its layer is of the kind `{}`", cut(&layer.media_type))));
        }
        let digest = |text: &str| {
            let digest = text.parse::<Sha256Digest>();
            digest.map_err(|_| wrong(format!("its manifest names `{}`, which is no SHA-256", cut(text))))
        };
        if layer.size > MAX_LAYER {
            return Err(wrong(format!(
                "it has {} bytes, and at most {MAX_LAYER} are taken",
                layer.size
            )));
        }
        let config = match config.media_type == CONFIG {
            true if config.size > MAX_MANIFEST => {
                let most = MAX_MANIFEST;
                return Err(wrong(format!(
                    "its config has {} bytes, and at most {most} are taken",
                    config.size
                )));
            }
            true => Some((digest(&config.digest)?, config.size)),
            false => None,
        };
        Ok(Self {
            manifest: sha256(bytes),
            layer: digest(&layer.digest)?,
            size: layer.size,
            annotations: read.annotations.unwrap_or_default(),
            config,
        })
    }

    /// Checks that a config is of this artifact.
    pub(crate) fn check_config(&self, reference: &OciRef, bytes: &[u8]) -> Result<(), RegistryError> {
        let wrong = |what: String| RegistryError::NotAComponent {
            reference: reference.to_string(),
            what,
        };
        let read: ReadConfig =
            serde_json::from_slice(bytes).map_err(|error| wrong(format!("its config does not read: {error}")))?;
        if read.architecture.as_deref() != Some("wasm") {
            let is = cut(read.architecture.as_deref().unwrap_or_default());
            return Err(wrong(format!("its config is for the architecture `{is}`")));
        }
        if read
            .layer_digests
            .is_some_and(|digests| digests != [self.layer.to_string()])
        {
            return Err(wrong("its config is of another component".to_owned()));
        }
        Ok(())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reference() -> OciRef {
        "oci://example.com/tools/scan:1.2.3".parse().unwrap()
    }

    // Byte by byte: `wkg` and `oras` read this form, and a digest that someone has pinned must be made again.
    #[test]
    fn the_same_component_is_the_same_artifact() {
        let described = Described {
            component: true,
            imports: vec!["wasi:io/poll@0.2.0".to_owned()],
            exports: vec!["run".to_owned()],
            annotations: BTreeMap::from([("org.opencontainers.image.version".to_owned(), "1.2.3".to_owned())]),
        };
        let new = NewArtifact::of(Bytes::from_static(b"wasm"), &described, &reference());
        let layer = sha256(b"wasm");
        let config = format!(
            "{{\"created\":\"1970-01-01T00:00:00Z\",\"author\":null,\"architecture\":\"wasm\",\"os\":\"wasip2\",\
             \"layerDigests\":[\"{layer}\"],\"component\":{{\"exports\":[\"run\"],\"imports\":[\"wasi:io/poll@0.2.0\"],\"target\":null}}}}"
        );
        assert_eq!(new.config, config.as_bytes());
        let manifest = format!(
            "{{\"annotations\":{{\"org.opencontainers.image.version\":\"1.2.3\"}},\
             \"config\":{{\"digest\":\"{}\",\"mediaType\":\"application/vnd.wasm.config.v0+json\",\"size\":{}}},\
             \"layers\":[{{\"annotations\":{{\"org.opencontainers.image.title\":\"scan.wasm\"}},\"digest\":\"{layer}\",\
             \"mediaType\":\"application/wasm\",\"size\":4}}],\
             \"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"schemaVersion\":2}}",
            sha256(config.as_bytes()),
            config.len()
        );
        assert_eq!(String::from_utf8_lossy(&new.manifest), manifest);

        let read = Artifact::read(&reference(), &new.manifest).unwrap();
        assert_eq!((read.manifest, read.layer, read.size), (new.digest(), layer, 4));
        read.check_config(&reference(), &new.config).unwrap();
        assert!(
            read.check_config(&reference(), b"{\"architecture\":\"wasm\",\"layerDigests\":[\"x\"]}")
                .is_err()
        );
        assert!(
            read.check_config(&reference(), b"{\"architecture\":\"amd64\"}")
                .is_err()
        );
        assert!(read.check_config(&reference(), b"\xff").is_err());
    }

    // What is not a component is told by what it is.
    #[test]
    fn what_is_not_a_component_says_what_it_is() {
        let zero = Sha256Digest::from_bytes([0; 32]);
        let manifest = |config: &str, layers: &str| {
            format!(
                "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"{config}\",\"digest\":\"{zero}\",\"size\":1}},\"layers\":[{layers}]}}"
            )
        };
        let layer =
            |kind: &str, size: &str| format!("{{\"mediaType\":\"{kind}\",\"digest\":\"{zero}\",\"size\":{size}}}");
        let wasm = layer(LAYER, "1");
        let cases = [
            ("no JSON".to_owned(), "does not read"),
            ("[]".to_owned(), "does not read"),
            ("{\"schemaVersion\":1}".to_owned(), "of the kind"),
            ("{\"schemaVersion\":2,\"manifests\":[]}".to_owned(), "list of images"),
            (
                format!("{{\"schemaVersion\":2,\"mediaType\":\"{}\"}}", INDEXES[0]),
                "list of images",
            ),
            (
                format!("{{\"schemaVersion\":2,\"mediaType\":\"x\\u001b{}\"}}", "y".repeat(9999)),
                "of the kind",
            ),
            ("{\"schemaVersion\":2}".to_owned(), "no layers"),
            (manifest(IMAGES[0], &wasm), "container image"),
            (manifest(IMAGES[1], &wasm), "container image"),
            (manifest(CONFIG, ""), "0 layers"),
            (manifest(CONFIG, &format!("{wasm},{wasm}")), "2 layers"),
            (
                manifest(CONFIG, &layer("application/gzip", "1")),
                "of the kind `application/gzip`",
            ),
            (manifest(CONFIG, &layer(LAYER, "536870913")), "at most 536870912"),
            (manifest(CONFIG, &layer(LAYER, "-1")), "does not read"),
            (manifest(CONFIG, &wasm.replace("sha256", "sha512")), "no SHA-256"),
            (
                manifest(CONFIG, &wasm).replacen("\"size\":1}", "\"size\":99999999}", 1),
                "its config has",
            ),
        ];
        for (text, expected) in cases {
            let error = Artifact::read(&reference(), text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(error.len() < 600, "{error}");
        }
        // Another tool's config says nothing, and the layer is what counts.
        let other = manifest("application/vnd.oci.empty.v1+json", &wasm);
        assert_eq!(Artifact::read(&reference(), other.as_bytes()).unwrap().config, None);
    }
}
