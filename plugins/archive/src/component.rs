//! The glue to the component model: the exports of the world and the host's interfaces. No logic.

use std::path::Path;

use crate::Level;
use airtight::step::{artifact, log, progress};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "airtight:std-archive/archive",
    generate_all,
});

// What `airtight inspect` shows of the WIT beside its types.
airtight_step_macros::document!({
    path: ["../../wit", "wit"],
    world: "airtight:std-archive/archive",
});

struct Component;

export!(Component);

/// The host over `airtight:step`.
struct Step;

impl crate::Host for Step {
    fn log(&mut self, level: Level, message: &str, fields: &[(&str, String)]) {
        let level = match level {
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
        };
        let fields: Vec<log::Field> = fields
            .iter()
            .map(|(name, value)| log::Field {
                name: (*name).to_owned(),
                value: value.clone(),
            })
            .collect();
        log::log(level, message, &fields);
    }

    fn progress(&mut self, task: &str, done: u64, total: u64) {
        progress::update(task, done, Some(total));
    }

    fn finish(&mut self, task: &str) {
        progress::finish(task);
    }

    fn set_executable(&mut self, path: &Path) -> Result<(), String> {
        let path = path.to_str().ok_or("its path is not UTF-8")?;
        artifact::set_executable(path, true).map_err(|error| match error {
            artifact::ErrorCode::NoEntry => "nothing is there".to_owned(),
            artifact::ErrorCode::NotAFile => "it is not a file".to_owned(),
            artifact::ErrorCode::ReadOnly => "it is on a mount that may only be read".to_owned(),
        })
    }
}

impl Guest for Component {
    fn pack(
        from: String,
        to: String,
        format: Option<Format>,
        prefix: Option<String>,
        mtime: Option<u64>,
        level: Option<u32>,
        executable: Option<Vec<String>>,
    ) -> Result<Packed, String> {
        let format = format.map(Into::into);
        let executable = executable.unwrap_or_default();
        let options = crate::PackOptions {
            from,
            to,
            format,
            prefix,
            mtime,
            level,
            executable,
        };
        let packed = crate::pack(&options, &mut Step).map_err(|error| error.to_string())?;
        Ok(Packed {
            entries: packed.entries,
            bytes: packed.bytes,
            sha256: packed.sha256,
        })
    }

    fn unpack(archive: String, to: String, format: Option<Format>, strip: Option<u32>) -> Result<Unpacked, String> {
        let format = format.map(Into::into);
        let options = crate::UnpackOptions {
            archive,
            to,
            format,
            strip: strip.unwrap_or(0),
            limits: crate::Limits::default(),
        };
        let unpacked = crate::unpack(&options, &mut Step).map_err(|error| error.to_string())?;
        Ok(Unpacked {
            files: unpacked.files,
            directories: unpacked.directories,
            symlinks: unpacked.symlinks,
            bytes: unpacked.bytes,
        })
    }
}

impl From<Format> for crate::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Tar => Self::Tar,
            Format::TarGz => Self::TarGz,
            Format::TarZst => Self::TarZst,
            Format::Zip => Self::Zip,
        }
    }
}
