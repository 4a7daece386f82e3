//! What `#[step]` makes of Rust, and what it says where it can make nothing: over tokens, without a compiler.

use proc_macro2::TokenStream;
use syn::{Item, parse_quote};

use super::model::Step;
use super::{expand, wit};

/// The WIT of a module.
fn wit_of(item: Item) -> String {
    let Item::Mod(module) = item else {
        panic!("the test is about a module")
    };
    let step = Step::of_module(&module).expect("everything in it has a WIT");
    wit::text(&step, "looker", "1.2.3")
}

/// Rust's words and WIT's: records, enums, variants, options, results, keywords and documentation.
#[test]
fn a_module_becomes_a_world() {
    let text = wit_of(parse_quote! {
        /// Looks for things.
        mod step {
            type Paths = Vec<String>;

            /// What was found.
            pub struct Summary {
                /// How many.
                ///
                /// All of them.
                pub r#type: u32,
                pub shape: Shape,
            }
            pub enum Shape { Empty, One(Kind), Two(u8, Kind) }
            pub enum Kind { FirstOne, Other }
            pub struct NotInTheWit(std::collections::HashMap<u8, usize>);
            fn helper(_: NotInTheWit) {}

            /// Runs.
            pub fn run(all_paths: Paths, pair: (char, f64), marker: Option<String>) -> Result<Summary> {
                loop {}
            }
            pub fn check() -> std::result::Result<(), Box<dyn std::error::Error>> { Ok(()) }
            pub fn list(outcome: Result<u8, ()>) -> Vec<Result<(), String>> { Vec::new() }
            pub fn nothing() {}
        }
    });
    let expected = "package local:%looker@1.2.3;

/// Looks for things.
world step {
  /// What was found.
  record %summary {
    /// How many.
    ///
    /// All of them.
    %type: u32,
    %shape: %shape,
  }
  variant %shape {
    %empty,
    %one(%kind),
    %two(tuple<u8, %kind>),
  }
  enum %kind {
    %first-one,
    %other,
  }
  /// Runs.
  export %run: func(%all-paths: list<string>, %pair: tuple<char, f64>, %marker: option<string>) -> result<%summary, string>;
  export %check: func() -> result<_, string>;
  export %list: func(%outcome: result<u8>) -> list<result<_, string>>;
  export %nothing: func();
}
";
    assert_eq!(text, expected);
}

/// What the compiler would say about an item, each error by its message and the text that it points to.
fn complaints(item: &str) -> Vec<(String, String)> {
    let item: TokenStream = item.parse().expect("the test is Rust");
    let step = match syn::parse2::<Item>(item).expect("the test is an item") {
        Item::Mod(module) => Step::of_module(&module),
        Item::Fn(function) => Step::of_function(&function),
        _ => panic!("the test is about modules and functions"),
    };
    let error = step.map(drop).expect_err("it has no WIT");
    error
        .into_iter()
        .map(|error| (error.to_string(), error.span().source_text().unwrap_or_default()))
        .collect()
}

/// Each thing that has no WIT is refused where it stands, with what to write instead.
#[test]
fn what_has_no_wit_is_refused_where_it_stands() {
    let cases = [
        ("pub fn run(path: PathBuf) {}", "PathBuf", "write `String`"),
        ("pub fn run(path: &str) {}", "&", "write `String`"),
        ("pub fn run(all: &[u8]) {}", "&", "write `Vec<u8>`"),
        ("pub fn run(n: usize) {}", "usize", "write `u32` or `u64`"),
        (
            "pub fn run(n: std::collections::HashMap<u8, u8>) {}",
            "std",
            "write `Vec<(KEY, VALUE)>`",
        ),
        ("pub fn run(n: [u8; 4]) {}", "[u8; 4]", "write `Vec<u8>`"),
        ("pub fn run(n: impl Into<u8>) {}", "impl", "no traits"),
        (
            "pub fn run(n: Own) {}",
            "Own",
            "move the function and `Own` into a module",
        ),
        ("pub fn run((a, b): (u8, u8)) {}", "(a, b)", "a parameter needs a name"),
        ("pub fn run(größe: u8) {}", "größe", "ASCII"),
        ("pub async fn run() {}", "async", "not `async`"),
        ("pub fn run<T>(t: T) {}", "<T>", "WIT has none"),
        ("pub fn run() -> Result {}", "Result", "Result<(), Error>"),
        ("pub fn run() -> Option<()> {}", "()", "`()` is no WIT type"),
        ("mod m { fn run() {} }", "m", "no `pub fn`"),
        ("mod m;", "mod", "has to see the module's functions"),
        ("mod m { pub fn run(n: Own) {} }", "Own", "define it in here"),
        (
            "mod m { pub struct A { b: u8 } pub fn run(a: A) {} }",
            "b",
            "write `pub b`",
        ),
        (
            "mod m { pub struct A(u8); pub fn run(a: A) {} }",
            "pub",
            "has named fields",
        ),
        (
            "mod m { pub struct A {} pub fn run(a: A) {} }",
            "pub",
            "at least one field",
        ),
        (
            "mod m { pub enum A { B { c: u8 } } pub fn run(a: A) {} }",
            "B",
            "`B(BFields)`",
        ),
        (
            "mod m { pub struct A { pub a: Vec<A> } pub fn run(a: A) {} }",
            "A",
            "contains itself",
        ),
        (
            "mod m { type A = Vec<A>; pub fn run(a: A) {} }",
            "A",
            "stands for itself",
        ),
        ("mod m { #[cfg(test)] pub fn run() {} }", "#", "cannot depend on `cfg`"),
    ];
    for (item, place, message) in cases {
        let found = complaints(item);
        assert_eq!(found.len(), 1, "{item}: {found:?}");
        assert!(found[0].0.contains(message), "{item}: {}", found[0].0);
        assert!(found[0].1.starts_with(place), "{item} points to `{}`", found[0].1);
    }
}

/// A person mends all of it at once.
#[test]
fn all_that_is_wrong_is_told_together() {
    let found = complaints(
        "mod m { pub struct A { pub b: usize, pub c: PathBuf } pub fn run(a: A, d: &str) -> u128 {} pub async fn go() {} }",
    );
    assert_eq!(found.len(), 5, "{found:?}");
}

/// The item stays when it is refused, so that nothing else seems to be missing.
#[test]
fn what_is_refused_stays() {
    let tokens = expand(TokenStream::new(), parse_quote! { pub fn run(n: usize) {} }).to_string();
    assert!(
        tokens.contains("compile_error") && tokens.contains("pub fn run"),
        "{tokens}"
    );
    let tokens = expand(parse_quote! { name = "x" }, parse_quote! { pub fn run() {} }).to_string();
    assert!(
        tokens.contains("takes no arguments") && tokens.contains("pub fn run"),
        "{tokens}"
    );
}
