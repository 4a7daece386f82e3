//! Steps in C and C++: every source below `src`, with the C side of the WIT, by Zig's or another clang. Not here: which flags a project
//! wants beyond those (`compile_flags.txt`, where editors find them too).

use std::path::{Path, PathBuf};
use std::process::Command;

use airtight_pipeline::StepKind;

use super::bindings::C;
use super::{Raw, Workshop};
use crate::error::Error;
use crate::files;

/// The most source files of a project.
const MAX_SOURCES: usize = 10_000;
/// How deep they may lie below `src`.
const MAX_DEPTH: usize = 32;
/// What Zig and Debian call the target: a core module for WASI preview 1.
const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasi"];

/// C or C++.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// C, in `.c` files.
    C,
    /// C++ without exceptions, and C beside it.
    Cpp,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::Cpp => "C++",
        }
    }

    fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::C => &["c"],
            Self::Cpp => &["cpp", "cc", "cxx"],
        }
    }
}

/// Compiles and links a project.
pub(super) fn build(shop: &Workshop<'_>, dialect: Dialect) -> Result<Raw, Error> {
    let sources = sources(shop, dialect)?;
    let bindings = C::generate(shop)?;
    let compiler = Compiler::find(shop, dialect.name())?;
    let mut objects = Vec::new();
    if let Some(bindings) = &bindings {
        objects = compiler.bindings(shop, bindings)?;
    }
    let mut link = compiler.command(shop, dialect);
    link.args(["-Os", "-Wl,--strip-all", "-Wl,-z,stack-size=1048576"]);
    if dialect == Dialect::Cpp {
        link.args(["-fno-exceptions", "-fno-rtti"]);
    }
    if shop.project.file.kind == StepKind::Function {
        link.arg("-mexec-model=reactor");
    }
    if let Some(bindings) = &bindings {
        link.arg("-I").arg(&bindings.folder);
    }
    link.args(flags(shop)?).args(&sources).args(objects);
    let module = Path::new("build").join("module.wasm");
    shop.tools.run(link.arg("-o").arg(&module))?;
    Ok(Raw {
        wasm: files::binary(&shop.project.root.join(module))?,
        language: (dialect.name().to_owned(), String::new()),
        tools: vec![compiler.version],
    })
}

/// The sources below `src`, in an order that is the same everywhere, as paths from the project's folder.
fn sources(shop: &Workshop<'_>, dialect: Dialect) -> Result<Vec<PathBuf>, Error> {
    if shop.project.file.entry.is_some() {
        return Ok(vec![shop.within(&shop.entry(&[])?)]);
    }
    let mut found = Vec::new();
    collect(
        &shop.project.root.join("src"),
        dialect.extensions(),
        MAX_DEPTH,
        &mut found,
    )?;
    if found.is_empty() || found.len() > MAX_SOURCES {
        let endings = dialect.extensions().iter().map(|ending| format!("`.{ending}`"));
        let endings = endings.collect::<Vec<_>>().join(", ");
        return Err(Error::project(
            "A0009",
            if found.is_empty() {
                format!("there is no source below `src` ({endings})")
            } else {
                format!("there are more than {MAX_SOURCES} sources below `src` ({endings})")
            },
            "put the sources of the step there, or say in `step.yaml` which one it is: `entry: FILE`",
        ));
    }
    Ok(found.iter().map(|path| shop.within(path)).collect())
}

fn collect(folder: &Path, extensions: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for path in files::entries(folder)? {
        // A link to a folder could lead back to where it is.
        let is_folder = path.is_dir() && !path.is_symlink();
        if is_folder && depth > 0 {
            collect(&path, extensions, depth - 1, found)?;
        } else if path
            .extension()
            .is_some_and(|ending| extensions.iter().any(|known| ending == *known))
        {
            found.push(path);
        }
        if found.len() > MAX_SOURCES {
            break;
        }
    }
    Ok(())
}

/// The project's own flags: the lines of `compile_flags.txt`.
fn flags(shop: &Workshop<'_>) -> Result<Vec<String>, Error> {
    let file = shop.project.root.join("compile_flags.txt");
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let text = files::text(&file)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(str::to_owned).collect())
}

/// A clang that has a C library for WASI.
#[derive(Debug)]
pub(super) struct Compiler {
    /// The program.
    pub(super) program: PathBuf,
    /// Whether it is Zig, which has the compiler as commands of its own.
    is_zig: bool,
    /// The target, as it is called here.
    target: &'static str,
    /// Its name and version.
    version: (String, String),
}

impl Compiler {
    /// Finds Zig, else a clang that can do it.
    fn find(shop: &Workshop<'_>, language: &str) -> Result<Self, Error> {
        if let Some(zig) = zig(shop) {
            return Self::of_zig(shop, zig);
        }
        if let Some(clang) = shop.tools.find(&["clang"], &[])
            && let Some(target) = TARGETS.into_iter().find(|target| can_link(shop, &clang, target))
        {
            let version = shop.tools.run(shop.tools.command(&clang).arg("-dumpversion"))?;
            return Ok(Self {
                program: clang,
                is_zig: false,
                target,
                version: ("clang".to_owned(), version.trim().to_owned()),
            });
        }
        Err(Error::MissingTool {
            what: format!("a step in {language}"),
            program: "`zig`, or a `clang` with a C library for WASI".to_owned(),
            install: vec![
                "run `pip install ziglang` (Zig is a C and C++ compiler too), on macOS also `brew install zig`"
                    .to_owned(),
                "or, on Debian, run `apt-get install clang lld wasi-libc libclang-rt-dev-wasm32 libc++-dev-wasm32`"
                    .to_owned(),
            ],
        })
    }

    /// Zig as a compiler for C.
    pub(super) fn of_zig(shop: &Workshop<'_>, zig: PathBuf) -> Result<Self, Error> {
        let version = shop.tools.run(shop.tools.command(&zig).arg("version"))?;
        Ok(Self {
            program: zig,
            is_zig: true,
            target: "wasm32-wasi",
            version: ("zig".to_owned(), version.trim().to_owned()),
        })
    }

    /// Its name and version.
    pub(super) fn version(&self) -> (String, String) {
        self.version.clone()
    }

    /// The compiler as a command in the project's folder: with paths from there, so that its messages are read easily, and none of this
    /// machine's comes into what it makes.
    fn command(&self, shop: &Workshop<'_>, dialect: Dialect) -> Command {
        let mut command = if self.is_zig {
            let mut command = shop.tools.command(&self.program);
            command.arg(if dialect == Dialect::Cpp { "c++" } else { "cc" });
            command.env("ZIG_LOCAL_CACHE_DIR", shop.scratch.join("zig-cache"));
            command.args(["-target", self.target]);
            command
        } else {
            // A driver of C++ is the same program under another name.
            let name = self.program.file_name().unwrap_or_default().to_string_lossy();
            let driver = self.program.with_file_name(name.replacen("clang", "clang++", 1));
            let mut command = shop.tools.command(if dialect == Dialect::Cpp {
                &driver
            } else {
                &self.program
            });
            command.arg(format!("--target={}", self.target));
            command
        };
        let root = &shop.project.root;
        command
            .arg(format!("-ffile-prefix-map={}=.", root.display()))
            .current_dir(root);
        command
    }

    /// Compiles the C side of the WIT, apart from the project's flags, and gives what to link.
    pub(super) fn bindings(&self, shop: &Workshop<'_>, bindings: &C) -> Result<Vec<PathBuf>, Error> {
        let object = bindings.source.with_extension("o");
        let mut compile = self.command(shop, Dialect::C);
        compile
            .args(["-Os", "-w", "-c"])
            .arg(&bindings.source)
            .arg("-o")
            .arg(&object);
        shop.tools.run(&mut compile)?;
        Ok(vec![object, bindings.world.clone()])
    }
}

/// Finds Zig: as a program of its own, or as its Python package installs it.
pub(super) fn zig(shop: &Workshop<'_>) -> Option<PathBuf> {
    let own = [".venv/bin", "venv/bin"].map(|folder| shop.project.root.join(folder));
    shop.tools.find(&["zig", "python-zig"], &own)
}

/// Tells whether a clang has what a program for the target needs: the C library, the linker and the compiler's own.
fn can_link(shop: &Workshop<'_>, clang: &Path, target: &str) -> bool {
    let probe = shop.scratch.join("probe.c");
    if files::write(
        &probe,
        b"#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n",
    )
    .is_err()
    {
        return false;
    }
    let mut command = shop.tools.command(clang);
    command.arg(format!("--target={target}")).arg(&probe).arg("-o");
    shop.tools.run(command.arg(shop.scratch.join("probe.wasm"))).is_ok()
}
