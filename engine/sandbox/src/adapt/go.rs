//! Makes room for the adapter in programs of Go's own toolchain. Not here: adapting (`adapt`).
//!
//! The adapter needs two pages for its stack and its state, and takes them by growing the program's memory. Go's allocator
//! believes that nobody else does that: when it grows the memory next, it takes all that is new since the last time it
//! looked for its own, and each of the two writes over what the other one has there. So such a program gets the pages beside its
//! own variables instead:
//!
//! ```text
//! 0 ───── code's data, variables ───── end ─┬─ the adapter's pages ─┬─ end' ───── heap ─────→ grows
//! ```
//!
//! Go begins its heap at a number in its own variables, `runtime.firstmoduledata.end`. It is found by what stands around it,
//! set to `end'` before the program starts, and the adapter gets its pages from a function that knows no others. A program
//! in which it is not found beyond doubt stays as it is.

use wasm_encoder::{
    BlockType, Encode as _, ExportKind, Function, GlobalType, MemorySection, MemoryType, Module, RawSection,
    StartSection, ValType,
};
use wasmparser::{BinaryReader, DataKind, ExternalKind, Operator, Parser, Payload, TypeRef};

/// What the adapter asks for by this name it does not take by growing.
const REALLOC: &str = "cabi_realloc_adapter";
/// The section that says which build of Go's linker a program is.
const MARK: &str = "go:buildid";
const PAGE: u32 = 1 << 16;
/// The adapter's stack, its state, and what is lost by rounding.
const ROOM: u32 = 2 * PAGE + 256;
/// By how many pages the memory begins larger, so that the heap begins with what it had.
const MORE_PAGES: u32 = 3;
/// The largest memory whose beginning is looked at, in bytes.
const MAX_IMAGE: usize = 256 << 20;
/// What the table of functions begins with (since Go 1.20), with the size of an instruction and of a pointer.
const TABLE: [u8; 8] = [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
/// Which words of the module's description are lengths, each with the room behind it; and the ends of its parts, in order, of which
/// the last is the one that counts (since Go 1.20).
const SLICES: std::ops::Range<usize> = 0..6;
const ENDS: std::ops::RangeInclusive<usize> = 24..=34;

/// What has to be known of a module to change it.
#[derive(Default)]
struct Shape<'a> {
    is_go: bool,
    has_realloc: bool,
    has_start: bool,
    types: u32,
    functions: u32,
    globals: u32,
    memory: Option<wasmparser::MemoryType>,
    data: Vec<(usize, &'a [u8])>,
}

/// The module with room for the adapter; none where it needs none, or has no place for it that is known.
pub(super) fn with_room(module: &[u8]) -> Option<Vec<u8>> {
    let shape = Shape::of(module)?;
    let memory = shape.memory?;
    if !shape.is_go || shape.has_realloc || shape.has_start || memory.memory64 || memory.shared {
        return None;
    }
    let pages = u32::try_from(memory.initial).ok()?.checked_add(MORE_PAGES)?;
    let most = memory.maximum.map_or(Some(PAGE), |most| u32::try_from(most).ok())?;
    let (at, end) = find_end(&shape.image()?)?;
    let base = end.checked_next_multiple_of(16)?;
    let new_end = base.checked_add(ROOM)?;
    if pages > most || u64::from(new_end) > u64::from(pages) * u64::from(PAGE) {
        return None;
    }
    let place = Place {
        at,
        base,
        new_end,
        pages,
    };
    rewrite(module, &shape, &place)
}

impl<'a> Shape<'a> {
    /// None if it is nothing that Go would make.
    fn of(module: &'a [u8]) -> Option<Self> {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::CustomSection(section) => shape.is_go |= section.name() == MARK,
                // The mark comes first: no other program is looked at any further.
                Payload::TypeSection(_) if !shape.is_go => return None,
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        ty.ok()?;
                        shape.types += 1;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import.ok()?.ty {
                            TypeRef::Func(_) => shape.functions += 1,
                            _ => return None,
                        }
                    }
                }
                Payload::FunctionSection(section) => shape.functions = shape.functions.checked_add(section.count())?,
                Payload::MemorySection(section) if section.count() == 1 => {
                    shape.memory = Some(section.into_iter().next()?.ok()?);
                }
                Payload::GlobalSection(section) => shape.globals = section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export.ok()?;
                        shape.has_realloc |= export.kind == ExternalKind::Func && export.name.starts_with("cabi_");
                    }
                }
                Payload::StartSection { .. } => shape.has_start = true,
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data.ok()?;
                        let DataKind::Active {
                            memory_index: 0,
                            offset_expr,
                        } = data.kind
                        else {
                            return None;
                        };
                        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else {
                            return None;
                        };
                        shape
                            .data
                            .push((usize::try_from(value.cast_unsigned()).ok()?, data.data));
                    }
                }
                _ => {}
            }
        }
        Some(shape)
    }

    /// The memory as it is when the program starts, as far as anything is in it.
    fn image(&self) -> Option<Vec<u8>> {
        let ends = self.data.iter().map(|(at, data)| at.checked_add(data.len()));
        let len = ends.collect::<Option<Vec<usize>>>()?.into_iter().max()?;
        if len > MAX_IMAGE {
            return None;
        }
        let mut image = vec![0; len];
        for (at, data) in &self.data {
            image[*at..at + data.len()].copy_from_slice(data);
        }
        Some(image)
    }
}

/// Where the number stands that the heap begins at, and the number.
fn find_end(image: &[u8]) -> Option<(u32, u32)> {
    let words = ENDS.end() + 1;
    let mut found = None;
    for at in (0..image.len().checked_sub(words * 8)?).step_by(8) {
        let word = |index: usize| {
            let bytes = image[at + index * 8..].first_chunk::<8>()?;
            u32::try_from(u64::from_le_bytes(*bytes)).ok()
        };
        let Some(table) = word(0).filter(|table| *table != 0) else {
            continue;
        };
        let table = usize::try_from(table).ok().and_then(|table| image.get(table..));
        if table.is_none_or(|table| !table.starts_with(&TABLE)) {
            continue;
        }
        let is_slice = |slice: usize| word(2 + slice * 3).is_some_and(|len| Some(len) == word(3 + slice * 3));
        let ends: Option<Vec<u32>> = ENDS.map(word).collect();
        let Some(ends) = ends.filter(|ends| ends.is_sorted() && SLICES.clone().all(is_slice)) else {
            continue;
        };
        let (Some(end), Ok(place)) = (ends.last(), u32::try_from(at + ENDS.end() * 8)) else {
            continue;
        };
        if *end >= place && found.replace((place, *end)).is_some() {
            return None;
        }
    }
    found
}

/// What is changed.
struct Place {
    /// Where the number stands.
    at: u32,
    /// Where the adapter's pages begin, and where they end: the number's new value.
    base: u32,
    new_end: u32,
    /// How large the memory is in the beginning.
    pages: u32,
}

fn rewrite(module: &[u8], shape: &Shape<'_>, place: &Place) -> Option<Vec<u8>> {
    let mut out = Module::new();
    let (realloc_type, start_type) = (shape.types, shape.types.checked_add(1)?);
    let (realloc, start) = (shape.functions, shape.functions.checked_add(1)?);
    // The sections that get more, each of which has to be there.
    let mut missing = vec![1, 3, 5, 6, 7, 10];
    let mut started = false;
    for payload in Parser::new(0).parse_all(module) {
        let Some((id, range)) = payload.ok()?.as_section() else {
            continue;
        };
        // Sections have an order: the one that says what is called first comes behind the exports.
        if !started && matches!(id, 9..=12) {
            out.section(&StartSection { function_index: start });
            started = true;
        }
        missing.retain(|needed| *needed != id);
        let old = module.get(range)?;
        let mut added = Vec::new();
        let count = match id {
            1 => {
                let i32s = [ValType::I32; 4];
                let mut types = wasm_encoder::TypeSection::new();
                types.ty().function(i32s, [ValType::I32]);
                types.ty().function([], []);
                added = entries(&types)?;
                2
            }
            3 => {
                realloc_type.encode(&mut added);
                start_type.encode(&mut added);
                2
            }
            5 => {
                let mut memory = MemorySection::new();
                memory.memory(MemoryType {
                    minimum: place.pages.into(),
                    maximum: shape.memory?.maximum,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
                out.section(&memory);
                continue;
            }
            6 => {
                let next = GlobalType {
                    val_type: ValType::I32,
                    mutable: true,
                    shared: false,
                };
                let mut globals = wasm_encoder::GlobalSection::new();
                globals.global(next, &wasm_encoder::ConstExpr::i32_const(place.base.cast_signed()));
                added = entries(&globals)?;
                1
            }
            7 => {
                REALLOC.encode(&mut added);
                ExportKind::Func.encode(&mut added);
                realloc.encode(&mut added);
                1
            }
            10 => {
                give(shape.globals, place).encode(&mut added);
                set_end(place).encode(&mut added);
                2
            }
            _ => 0,
        };
        let data = if count == 0 {
            old.to_vec()
        } else {
            appended(old, count, &added)?
        };
        out.section(&RawSection { id, data: &data });
    }
    (started && missing.is_empty()).then(|| out.finish())
}

/// The entries of a section, without its length and their count, which is small.
fn entries(section: &impl wasm_encoder::Encode) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let mut reader = BinaryReader::new(&bytes, 0);
    reader.read_var_u32().ok()?;
    reader.read_var_u32().ok()?;
    Some(bytes[reader.original_position()..].to_vec())
}

/// A section's content with more entries.
fn appended(old: &[u8], more: u32, added: &[u8]) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(old, 0);
    let count = reader.read_var_u32().ok()?.checked_add(more)?;
    let mut new = Vec::with_capacity(old.len() + added.len() + 5);
    count.encode(&mut new);
    new.extend_from_slice(&old[reader.original_position()..]);
    new.extend_from_slice(added);
    Some(new)
}

/// The function that gives the adapter its pages, piece by piece, and nothing when they are used up.
fn give(next: u32, place: &Place) -> Function {
    let mut body = Function::new([]);
    body.instructions()
        .local_get(3)
        .i32_const(ROOM.cast_signed())
        .i32_gt_u()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        .global_get(next)
        .local_tee(0)
        .local_get(3)
        .i32_add()
        .i32_const(15)
        .i32_add()
        .i32_const(-16)
        .i32_and()
        .global_set(next)
        .global_get(next)
        .i32_const(place.new_end.cast_signed())
        .i32_gt_u()
        .if_(BlockType::Empty)
        .unreachable()
        .end()
        .local_get(0)
        .end();
    body
}

/// The function that runs first.
fn set_end(place: &Place) -> Function {
    let memory = wasm_encoder::MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    let mut body = Function::new([]);
    body.instructions()
        .i32_const(place.at.cast_signed())
        .i32_const(place.new_end.cast_signed())
        .i32_store(memory)
        .end();
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A module as Go's linker makes them, as far as it is looked at here: `before` stands between the mark and the rest.
    fn module(mark: &str, ends: [u64; 11], memory: &str, more: &str) -> Vec<u8> {
        let mut words = vec![2048];
        words.extend([2048, 8, 8].repeat(6));
        words.extend([0; 5]);
        words.extend(ends);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let description: String = words.iter().map(|word| hex(&word.to_le_bytes())).collect();
        let text = format!(
            r#"(module (@custom "{mark}" (before first) "x")
              (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
              (memory (export "memory") {memory})
              (global (mut i32) (i32.const 0))
              (func (export "_start"))
              {more}
              (data (i32.const 1024) "{description}") (data (i32.const 2048) "{}"))"#,
            hex(&TABLE)
        );
        wat::parse_str(text).unwrap()
    }

    const ENDS_OF_IT: [u64; 11] = [10, 20, 20, 30, 30, 40, 40, 50, 50, 50, 5001];

    // What comes out has to be a module, its heap has to begin behind what the adapter gets, and that behind its variables.
    #[test]
    fn the_adapter_gets_its_pages_between_the_variables_and_the_heap() {
        let old = module(MARK, ENDS_OF_IT, "1", "");
        let new = with_room(&old).unwrap();
        wasmparser::Validator::new().validate_all(&new).unwrap();
        let shape = Shape::of(&new).unwrap();
        assert!(shape.has_realloc && shape.has_start);
        assert_eq!(shape.memory.unwrap().initial, 1 + u64::from(MORE_PAGES));
        assert_eq!(find_end(&shape.image().unwrap()), Some((1024 + 34 * 8, 5001)));
        // Nothing is done twice.
        assert_eq!(with_room(&new), None);
    }

    // A number in someone else's memory must never be changed on a guess.
    #[test]
    fn what_is_not_known_beyond_doubt_stays_as_it_is() {
        let unsorted = [10, 20, 15, 30, 30, 40, 40, 50, 50, 50, 5001];
        let outside = [10, 20, 20, 30, 30, 40, 40, 50, 50, 50, 60];
        let again = r#"(data (i32.const 4096) "\00\08\00\00\00\00\00\00")"#;
        assert!(with_room(&module(MARK, ENDS_OF_IT, "1 8", again)).is_some());
        for other in [
            module("name2", ENDS_OF_IT, "1", ""),
            module(MARK, unsorted, "1", ""),
            module(MARK, outside, "1", ""),
            module(MARK, ENDS_OF_IT, "1 2", ""),
            module(MARK, ENDS_OF_IT, "1", r#"(data "passive")"#),
            module(MARK, ENDS_OF_IT, "1", "(func $f) (start $f)"),
            module(MARK, ENDS_OF_IT, "1", r#"(func (export "cabi_realloc"))"#),
            wat::parse_str(r#"(module (@custom "go:buildid" (before first) "x") (func (export "_start")))"#).unwrap(),
            module(MARK, ENDS_OF_IT, "1", r#"(data (i32.const 0xfffffff0) "far")"#),
            b"\0asm\x01\0\0\0\0\x0b".to_vec(),
        ] {
            assert_eq!(with_room(&other), None);
        }
    }
}
