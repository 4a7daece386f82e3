//! Core modules: which of them are preview-1 commands. Not here: adapting them (`adapt`).

use airtight_model::component::{ComponentKind, ComponentSummary};
use wasmparser::{ExternalKind, Parser, Payload};

use super::about::Remarks;
use super::{InspectError, MAX_NAME, refused};
use crate::adapt::{PREVIEW1, preview1_adapter_digest};
use crate::cap::printable;

/// The entry of a command.
const START: &str = "_start";

/// The summary of a core module that is a preview-1 command.
pub(super) fn summarize(bytes: &[u8]) -> Result<ComponentSummary, InspectError> {
    let (mut command, mut foreign, mut remarks) = (false, None, Remarks::default());
    for payload in Parser::new(0).parse_all(bytes) {
        let fail = |error: wasmparser::BinaryReaderError| refused(error.message(), "");
        let payload = payload.map_err(fail)?;
        remarks.take(&payload);
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.map_err(fail)?;
                    if import.module != PREVIEW1 && foreign.is_none() {
                        foreign = Some(printable(import.module, MAX_NAME));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(fail)?;
                    command |= export.name == START && export.kind == ExternalKind::Func;
                }
            }
            _ => {}
        }
    }
    if let Some(module) = foreign {
        return Err(InspectError::ForeignModule(module));
    }
    if !command {
        return Err(InspectError::NotACommand);
    }
    let (producers, _, about) = remarks.finish();
    Ok(ComponentSummary {
        kind: ComponentKind::Module,
        adapter: Some(preview1_adapter_digest()),
        size: bytes.len() as u64,
        command: true,
        functions: Vec::new(),
        imports: vec![PREVIEW1.to_owned()],
        unknown_imports: Vec::new(),
        producers,
        about,
    })
}
