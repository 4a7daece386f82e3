//! Every kind of type that `#[step]` knows, there and back, and everything that a step can say. The test is `../rust.rs`.

/// Types and interfaces.
#[airtight_step::step]
pub mod step {
    use std::error::Error as StdError;
    use std::time::Duration;

    use airtight_step::report::{self, Annotation, Finding, Metric, Severity, TestCase};
    use airtight_step::{Context, Error, Progress, Secret, info, warn};

    type Pairs = Vec<(String, Inner)>;
    type Nested = Option<Option<Vec<Option<Guest>>>>;

    /// Names that mean something elsewhere.
    pub enum Kind {
        FirstOne,
        Type,
        Guest,
    }

    pub struct Inner {
        pub r#type: u8,
        pub kind: Kind,
        pub option: Option<Small>,
    }

    pub struct Small {
        pub sha_256: char,
        pub list: Vec<u8>,
    }

    pub struct Guest {
        pub a: i8,
        pub b: i16,
        pub c: i32,
        pub d: i64,
        pub e: f32,
        pub f: f64,
        pub g: bool,
        pub h: u16,
        pub i: u64,
    }

    pub enum Shape {
        Empty,
        One(Kind),
        /// Two are a tuple.
        Two(u32, Inner),
        List(Vec<Guest>),
        Tuple((u8, Guest)),
        Outcome(Result<Guest, Kind>),
        Both(Result<(), String>),
    }

    /// What comes, goes.
    pub fn run(
        shapes: Vec<Shape>,
        pairs: Pairs,
        nested: Nested,
        triple: (u8, Kind, String),
    ) -> Result<(Vec<Shape>, Pairs, Nested, (u8, Kind, String)), Error> {
        Ok((shapes, pairs, nested, triple))
    }

    /// Uses every interface.
    pub fn say(r#async: bool) -> Result<Vec<u8>, Error> {
        info!("says {}", "it", r#async = ?r#async);
        warn!(count = 2, "warns");
        let mut progress = Progress::of("talk", 2);
        progress.add(1);
        Finding::new("rule", Severity::Error, "found")
            .at("/in/a")
            .line(1)
            .column(2)
            .fingerprint("f")
            .add();
        TestCase::failed("suite", "case", "why")
            .took(Duration::from_millis(3))
            .add();
        TestCase::passed("suite", "other").add();
        Metric::new("size", 2.5).unit("bytes").add();
        Annotation::new(Severity::Note, "title", "text").at("/in/a").add();
        report::set_summary("*summary*");
        std::fs::write(airtight_step::path("/out/tool"), "#!").context("cannot write")?;
        airtight_step::set_executable("/out/tool", true)?;
        Ok(vec![1, 2, 3])
    }

    /// Fails with a chain of causes.
    pub fn fails(secret: bool) -> Result<(), Box<dyn StdError>> {
        if secret {
            Secret::open("key").context("cannot sign")?;
        }
        "x".parse::<u8>().context("no number")?;
        Ok(())
    }

    /// Neither takes nor gives anything.
    pub fn nothing() {}
}
