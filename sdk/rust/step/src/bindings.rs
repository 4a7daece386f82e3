//! Generated from the WIT of `airtight:step` by a test of `airtight-step-macros`, which also checks that it is up to
//! date. Not to be edited. It is here, and not made by a macro in each build, so that a command step that only logs and
//! reports needs no macros and is built in seconds.

#[allow(dead_code, clippy::all)]
pub mod airtight {
    pub mod step {
        /// Structured log lines.
        ///
        /// A line longer than the host's limit is cut and marked as cut. The lines are
        /// part of the step's recorded result.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod log {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// How much a line matters, least first.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Level {
                Trace,
                Debug,
                Info,
                Warn,
                Error,
            }
            impl ::core::fmt::Debug for Level {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Level::Trace => f.debug_tuple("Level::Trace").finish(),
                        Level::Debug => f.debug_tuple("Level::Debug").finish(),
                        Level::Info => f.debug_tuple("Level::Info").finish(),
                        Level::Warn => f.debug_tuple("Level::Warn").finish(),
                        Level::Error => f.debug_tuple("Level::Error").finish(),
                    }
                }
            }
            impl Level {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Level {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Level::Trace,
                        1 => Level::Debug,
                        2 => Level::Info,
                        3 => Level::Warn,
                        4 => Level::Error,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// A named value that belongs to a line.
            #[derive(Clone, PartialEq)]
            pub struct Field {
                pub name: _rt::String,
                pub value: _rt::String,
            }
            impl ::core::fmt::Debug for Field {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Field")
                        .field("name", &self.name)
                        .field("value", &self.value)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Writes one line. The message is plain text; line breaks in it are kept as
            /// part of the one message and control characters are escaped when shown.
            #[allow(async_fn_in_trait)]
            pub fn log(level: Level, message: &str, fields: &[Field]) -> () {
                unsafe {
                    let vec0 = message;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let vec4 = fields;
                    let len4 = vec4.len();
                    let layout4 = _rt::alloc::Layout::from_size_align(
                            vec4.len() * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result4, _cleanup4) = wit_bindgen::rt::Cleanup::new(layout4);
                    for (i, e) in vec4.into_iter().enumerate() {
                        let base = result4
                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                        {
                            let Field { name: name1, value: value1 } = e;
                            let vec2 = name1;
                            let ptr2 = vec2.as_ptr().cast::<u8>();
                            let len2 = vec2.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len2;
                            *base.add(0).cast::<*mut u8>() = ptr2.cast_mut();
                            let vec3 = value1;
                            let ptr3 = vec3.as_ptr().cast::<u8>();
                            let len3 = vec3.len();
                            *base
                                .add(3 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len3;
                            *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr3.cast_mut();
                        }
                    }
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/log@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "log"]
                        fn wit_import5(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import5(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import5(
                        level.clone() as i32,
                        ptr0.cast_mut(),
                        len0,
                        result4,
                        len4,
                    );
                }
            }
        }
        /// How far a step is, for the person who watches.
        ///
        /// Progress is shown and then forgotten: it is not part of the step's result.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod progress {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            #[allow(unused_unsafe, clippy::all)]
            /// Says how far the task `task` is: `done` units out of `total`, where the
            /// total is known. The first call for a name starts the task; a later call
            /// replaces what an earlier one said.
            #[allow(async_fn_in_trait)]
            pub fn update(
                task: &str,
                done: u64,
                total: ::core::option::Option<u64>,
            ) -> () {
                unsafe {
                    let vec0 = task;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let (result1_0, result1_1) = match total {
                        Some(e) => (1i32, _rt::as_i64(e)),
                        None => (0i32, 0i64),
                    };
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/progress@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "update"]
                        fn wit_import2(_: *mut u8, _: usize, _: i64, _: i32, _: i64);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: i64,
                        _: i32,
                        _: i64,
                    ) {
                        unreachable!()
                    }
                    wit_import2(
                        ptr0.cast_mut(),
                        len0,
                        _rt::as_i64(&done),
                        result1_0,
                        result1_1,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Says that the task `task` has ended. A name that was never started is
            /// ignored.
            #[allow(async_fn_in_trait)]
            pub fn finish(task: &str) -> () {
                unsafe {
                    let vec0 = task;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/progress@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "finish"]
                        fn wit_import1(_: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0);
                }
            }
        }
        /// What a step found out, as data: test cases, findings, metrics, annotations
        /// and a summary. `airtight run --report junit=FILE` and the event stream show
        /// them. They are part of the step's recorded result.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod report {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// Where something is: a path as the step sees it, and a line and column
            /// that count from 1.
            #[derive(Clone, PartialEq)]
            pub struct Location {
                pub path: _rt::String,
                pub line: ::core::option::Option<u32>,
                pub column: ::core::option::Option<u32>,
            }
            impl ::core::fmt::Debug for Location {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Location")
                        .field("path", &self.path)
                        .field("line", &self.line)
                        .field("column", &self.column)
                        .finish()
                }
            }
            /// How one test case ended.
            #[derive(Clone, PartialEq)]
            pub enum TestOutcome {
                Passed,
                /// The assertion that did not hold.
                Failed(_rt::String),
                /// What went wrong before the test could tell.
                Errored(_rt::String),
                /// Why it was not run.
                Skipped(_rt::String),
            }
            impl ::core::fmt::Debug for TestOutcome {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        TestOutcome::Passed => {
                            f.debug_tuple("TestOutcome::Passed").finish()
                        }
                        TestOutcome::Failed(e) => {
                            f.debug_tuple("TestOutcome::Failed").field(e).finish()
                        }
                        TestOutcome::Errored(e) => {
                            f.debug_tuple("TestOutcome::Errored").field(e).finish()
                        }
                        TestOutcome::Skipped(e) => {
                            f.debug_tuple("TestOutcome::Skipped").field(e).finish()
                        }
                    }
                }
            }
            /// One test case.
            #[derive(Clone, PartialEq)]
            pub struct TestCase {
                /// The suite that it belongs to, for example a file or a class.
                pub suite: _rt::String,
                pub name: _rt::String,
                pub outcome: TestOutcome,
                /// How long it took, in microseconds of the clock that the step sees.
                pub duration_us: ::core::option::Option<u64>,
                pub location: ::core::option::Option<Location>,
            }
            impl ::core::fmt::Debug for TestCase {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("TestCase")
                        .field("suite", &self.suite)
                        .field("name", &self.name)
                        .field("outcome", &self.outcome)
                        .field("duration-us", &self.duration_us)
                        .field("location", &self.location)
                        .finish()
                }
            }
            /// How grave a finding or an annotation is (the levels of SARIF 2.1.0).
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Severity {
                Note,
                Warning,
                Error,
            }
            impl ::core::fmt::Debug for Severity {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Severity::Note => f.debug_tuple("Severity::Note").finish(),
                        Severity::Warning => f.debug_tuple("Severity::Warning").finish(),
                        Severity::Error => f.debug_tuple("Severity::Error").finish(),
                    }
                }
            }
            impl Severity {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Severity {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Severity::Note,
                        1 => Severity::Warning,
                        2 => Severity::Error,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// Something that a scanner or linter found.
            #[derive(Clone, PartialEq)]
            pub struct Finding {
                /// The stable name of the rule, for example `aws-access-key-id`.
                pub rule: _rt::String,
                pub severity: Severity,
                pub message: _rt::String,
                pub location: ::core::option::Option<Location>,
                /// What stays the same when the finding moves within its file.
                pub fingerprint: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for Finding {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Finding")
                        .field("rule", &self.rule)
                        .field("severity", &self.severity)
                        .field("message", &self.message)
                        .field("location", &self.location)
                        .field("fingerprint", &self.fingerprint)
                        .finish()
                }
            }
            /// A number that is worth following over time.
            #[derive(Clone, PartialEq)]
            pub struct Metric {
                pub name: _rt::String,
                pub value: f64,
                /// A unit, for example `bytes`.
                pub unit: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for Metric {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Metric")
                        .field("name", &self.name)
                        .field("value", &self.value)
                        .field("unit", &self.unit)
                        .finish()
                }
            }
            /// A remark for the person who reads the run.
            #[derive(Clone, PartialEq)]
            pub struct Annotation {
                pub severity: Severity,
                pub title: _rt::String,
                pub message: _rt::String,
                pub location: ::core::option::Option<Location>,
            }
            impl ::core::fmt::Debug for Annotation {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Annotation")
                        .field("severity", &self.severity)
                        .field("title", &self.title)
                        .field("message", &self.message)
                        .field("location", &self.location)
                        .finish()
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            #[allow(async_fn_in_trait)]
            pub fn add_test_case(test: &TestCase) -> () {
                unsafe {
                    let TestCase {
                        suite: suite0,
                        name: name0,
                        outcome: outcome0,
                        duration_us: duration_us0,
                        location: location0,
                    } = test;
                    let vec1 = suite0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = name0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let (result6_0, result6_1, result6_2) = match outcome0 {
                        TestOutcome::Passed => (0i32, ::core::ptr::null_mut(), 0usize),
                        TestOutcome::Failed(e) => {
                            let vec3 = e;
                            let ptr3 = vec3.as_ptr().cast::<u8>();
                            let len3 = vec3.len();
                            (1i32, ptr3.cast_mut(), len3)
                        }
                        TestOutcome::Errored(e) => {
                            let vec4 = e;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            (2i32, ptr4.cast_mut(), len4)
                        }
                        TestOutcome::Skipped(e) => {
                            let vec5 = e;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            (3i32, ptr5.cast_mut(), len5)
                        }
                    };
                    let (result7_0, result7_1) = match duration_us0 {
                        Some(e) => (1i32, _rt::as_i64(e)),
                        None => (0i32, 0i64),
                    };
                    let (
                        result12_0,
                        result12_1,
                        result12_2,
                        result12_3,
                        result12_4,
                        result12_5,
                        result12_6,
                    ) = match location0 {
                        Some(e) => {
                            let Location { path: path8, line: line8, column: column8 } = e;
                            let vec9 = path8;
                            let ptr9 = vec9.as_ptr().cast::<u8>();
                            let len9 = vec9.len();
                            let (result10_0, result10_1) = match line8 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            let (result11_0, result11_1) = match column8 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            (
                                1i32,
                                ptr9.cast_mut(),
                                len9,
                                result10_0,
                                result10_1,
                                result11_0,
                                result11_1,
                            )
                        }
                        None => {
                            (
                                0i32,
                                ::core::ptr::null_mut(),
                                0usize,
                                0i32,
                                0i32,
                                0i32,
                                0i32,
                            )
                        }
                    };
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/report@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "add-test-case"]
                        fn wit_import13(
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: i64,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: i32,
                            _: i32,
                            _: i32,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import13(
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: i64,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: i32,
                        _: i32,
                        _: i32,
                    ) {
                        unreachable!()
                    }
                    wit_import13(
                        ptr1.cast_mut(),
                        len1,
                        ptr2.cast_mut(),
                        len2,
                        result6_0,
                        result6_1,
                        result6_2,
                        result7_0,
                        result7_1,
                        result12_0,
                        result12_1,
                        result12_2,
                        result12_3,
                        result12_4,
                        result12_5,
                        result12_6,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            #[allow(async_fn_in_trait)]
            pub fn add_finding(finding: &Finding) -> () {
                unsafe {
                    let Finding {
                        rule: rule0,
                        severity: severity0,
                        message: message0,
                        location: location0,
                        fingerprint: fingerprint0,
                    } = finding;
                    let vec1 = rule0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = message0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let (
                        result7_0,
                        result7_1,
                        result7_2,
                        result7_3,
                        result7_4,
                        result7_5,
                        result7_6,
                    ) = match location0 {
                        Some(e) => {
                            let Location { path: path3, line: line3, column: column3 } = e;
                            let vec4 = path3;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            let (result5_0, result5_1) = match line3 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            let (result6_0, result6_1) = match column3 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            (
                                1i32,
                                ptr4.cast_mut(),
                                len4,
                                result5_0,
                                result5_1,
                                result6_0,
                                result6_1,
                            )
                        }
                        None => {
                            (
                                0i32,
                                ::core::ptr::null_mut(),
                                0usize,
                                0i32,
                                0i32,
                                0i32,
                                0i32,
                            )
                        }
                    };
                    let (result9_0, result9_1, result9_2) = match fingerprint0 {
                        Some(e) => {
                            let vec8 = e;
                            let ptr8 = vec8.as_ptr().cast::<u8>();
                            let len8 = vec8.len();
                            (1i32, ptr8.cast_mut(), len8)
                        }
                        None => (0i32, ::core::ptr::null_mut(), 0usize),
                    };
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/report@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "add-finding"]
                        fn wit_import10(
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: i32,
                            _: i32,
                            _: i32,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import10(
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: i32,
                        _: i32,
                        _: i32,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import10(
                        ptr1.cast_mut(),
                        len1,
                        severity0.clone() as i32,
                        ptr2.cast_mut(),
                        len2,
                        result7_0,
                        result7_1,
                        result7_2,
                        result7_3,
                        result7_4,
                        result7_5,
                        result7_6,
                        result9_0,
                        result9_1,
                        result9_2,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            #[allow(async_fn_in_trait)]
            pub fn add_metric(metric: &Metric) -> () {
                unsafe {
                    let Metric { name: name0, value: value0, unit: unit0 } = metric;
                    let vec1 = name0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let (result3_0, result3_1, result3_2) = match unit0 {
                        Some(e) => {
                            let vec2 = e;
                            let ptr2 = vec2.as_ptr().cast::<u8>();
                            let len2 = vec2.len();
                            (1i32, ptr2.cast_mut(), len2)
                        }
                        None => (0i32, ::core::ptr::null_mut(), 0usize),
                    };
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/report@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "add-metric"]
                        fn wit_import4(
                            _: *mut u8,
                            _: usize,
                            _: f64,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import4(
                        _: *mut u8,
                        _: usize,
                        _: f64,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import4(
                        ptr1.cast_mut(),
                        len1,
                        _rt::as_f64(value0),
                        result3_0,
                        result3_1,
                        result3_2,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            #[allow(async_fn_in_trait)]
            pub fn add_annotation(annotation: &Annotation) -> () {
                unsafe {
                    let Annotation {
                        severity: severity0,
                        title: title0,
                        message: message0,
                        location: location0,
                    } = annotation;
                    let vec1 = title0;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    let vec2 = message0;
                    let ptr2 = vec2.as_ptr().cast::<u8>();
                    let len2 = vec2.len();
                    let (
                        result7_0,
                        result7_1,
                        result7_2,
                        result7_3,
                        result7_4,
                        result7_5,
                        result7_6,
                    ) = match location0 {
                        Some(e) => {
                            let Location { path: path3, line: line3, column: column3 } = e;
                            let vec4 = path3;
                            let ptr4 = vec4.as_ptr().cast::<u8>();
                            let len4 = vec4.len();
                            let (result5_0, result5_1) = match line3 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            let (result6_0, result6_1) = match column3 {
                                Some(e) => (1i32, _rt::as_i32(e)),
                                None => (0i32, 0i32),
                            };
                            (
                                1i32,
                                ptr4.cast_mut(),
                                len4,
                                result5_0,
                                result5_1,
                                result6_0,
                                result6_1,
                            )
                        }
                        None => {
                            (
                                0i32,
                                ::core::ptr::null_mut(),
                                0usize,
                                0i32,
                                0i32,
                                0i32,
                                0i32,
                            )
                        }
                    };
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/report@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "add-annotation"]
                        fn wit_import8(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: i32,
                            _: i32,
                            _: i32,
                            _: i32,
                        );
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import8(
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: i32,
                        _: i32,
                        _: i32,
                    ) {
                        unreachable!()
                    }
                    wit_import8(
                        severity0.clone() as i32,
                        ptr1.cast_mut(),
                        len1,
                        ptr2.cast_mut(),
                        len2,
                        result7_0,
                        result7_1,
                        result7_2,
                        result7_3,
                        result7_4,
                        result7_5,
                        result7_6,
                    );
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Sets the step's summary, as Markdown. A later call replaces an earlier one.
            #[allow(async_fn_in_trait)]
            pub fn set_summary(markdown: &str) -> () {
                unsafe {
                    let vec0 = markdown;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/report@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "set-summary"]
                        fn wit_import1(_: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import1(_: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import1(ptr0.cast_mut(), len0);
                }
            }
        }
        /// What WASI's file system cannot say about a file.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod artifact {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// Why a file could not be marked.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum ErrorCode {
                /// Nothing is at that path.
                NoEntry,
                /// What is at that path is not a regular file.
                NotAFile,
                /// The file is on a mount that the step may only read.
                ReadOnly,
            }
            impl ErrorCode {
                pub fn name(&self) -> &'static str {
                    match self {
                        ErrorCode::NoEntry => "no-entry",
                        ErrorCode::NotAFile => "not-a-file",
                        ErrorCode::ReadOnly => "read-only",
                    }
                }
                pub fn message(&self) -> &'static str {
                    match self {
                        ErrorCode::NoEntry => "Nothing is at that path.",
                        ErrorCode::NotAFile => {
                            "What is at that path is not a regular file."
                        }
                        ErrorCode::ReadOnly => {
                            "The file is on a mount that the step may only read."
                        }
                    }
                }
            }
            impl ::core::fmt::Debug for ErrorCode {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("ErrorCode")
                        .field("code", &(*self as i32))
                        .field("name", &self.name())
                        .field("message", &self.message())
                        .finish()
                }
            }
            impl ::core::fmt::Display for ErrorCode {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    write!(f, "{} (error {})", self.name(), * self as i32)
                }
            }
            impl ::core::error::Error for ErrorCode {}
            impl ErrorCode {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> ErrorCode {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => ErrorCode::NoEntry,
                        1 => ErrorCode::NotAFile,
                        2 => ErrorCode::ReadOnly,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Marks the regular file at the absolute path `path` as executable, or as
            /// not executable (WASI has no file modes). A symbolic link at the end of the
            /// path is followed. The mark travels with the file into the step's outputs.
            #[allow(async_fn_in_trait)]
            pub fn set_executable(
                path: &str,
                executable: bool,
            ) -> ::core::result::Result<(), ErrorCode> {
                unsafe {
                    #[repr(align(1))]
                    struct RetArea([::core::mem::MaybeUninit<u8>; 2]);
                    let mut ret_area = RetArea([::core::mem::MaybeUninit::uninit(); 2]);
                    let vec0 = path;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/artifact@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "set-executable"]
                        fn wit_import2(_: *mut u8, _: usize, _: i32, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: *mut u8,
                        _: usize,
                        _: i32,
                        _: *mut u8,
                    ) {
                        unreachable!()
                    }
                    wit_import2(
                        ptr0.cast_mut(),
                        len0,
                        match &executable {
                            true => 1,
                            false => 0,
                        },
                        ptr1,
                    );
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result5 = match l3 {
                        0 => {
                            let e = ();
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l4 = i32::from(*ptr1.add(1).cast::<u8>());
                                ErrorCode::_lift(l4 as u8)
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result5
                }
            }
        }
        /// Secrets that the step was granted, by handle: it can have them put into its
        /// requests and have things signed with them, and never sees them.
        ///
        /// A secret that was not granted, or a use that was not granted, is an error
        /// here and a recorded refusal.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod secret {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// Why something could not be done with a secret.
            #[derive(Clone, PartialEq)]
            pub enum Error {
                /// The step has no grant for it. The text says which line would give one.
                Denied(_rt::String),
                /// What was given cannot be used: a claim that is not JSON, an algorithm
                /// that does not go with the key, a host that is none.
                Invalid(_rt::String),
            }
            impl ::core::fmt::Debug for Error {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Error::Denied(e) => {
                            f.debug_tuple("Error::Denied").field(e).finish()
                        }
                        Error::Invalid(e) => {
                            f.debug_tuple("Error::Invalid").field(e).finish()
                        }
                    }
                }
            }
            impl ::core::fmt::Display for Error {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    write!(f, "{:?}", self)
                }
            }
            impl ::core::error::Error for Error {}
            /// A request to be signed.
            #[derive(Clone, PartialEq)]
            pub struct AwsRequest {
                pub method: _rt::String,
                /// The whole URL, with the query.
                pub url: _rt::String,
                /// Headers that are signed beside `host`: name and value.
                pub headers: _rt::Vec<(_rt::String, _rt::String)>,
                /// The SHA-256 of the body in lower-case hexadecimal digits, or
                /// `UNSIGNED-PAYLOAD`.
                pub body_sha256: _rt::String,
                pub region: _rt::String,
                pub service: _rt::String,
            }
            impl ::core::fmt::Debug for AwsRequest {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("AwsRequest")
                        .field("method", &self.method)
                        .field("url", &self.url)
                        .field("headers", &self.headers)
                        .field("body-sha256", &self.body_sha256)
                        .field("region", &self.region)
                        .field("service", &self.service)
                        .finish()
                }
            }
            /// How a token is signed (RFC 7518).
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum JwtAlgorithm {
                Hs256,
                Rs256,
                Es256,
                Eddsa,
            }
            impl ::core::fmt::Debug for JwtAlgorithm {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        JwtAlgorithm::Hs256 => {
                            f.debug_tuple("JwtAlgorithm::Hs256").finish()
                        }
                        JwtAlgorithm::Rs256 => {
                            f.debug_tuple("JwtAlgorithm::Rs256").finish()
                        }
                        JwtAlgorithm::Es256 => {
                            f.debug_tuple("JwtAlgorithm::Es256").finish()
                        }
                        JwtAlgorithm::Eddsa => {
                            f.debug_tuple("JwtAlgorithm::Eddsa").finish()
                        }
                    }
                }
            }
            impl JwtAlgorithm {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> JwtAlgorithm {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => JwtAlgorithm::Hs256,
                        1 => JwtAlgorithm::Rs256,
                        2 => JwtAlgorithm::Es256,
                        3 => JwtAlgorithm::Eddsa,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// A secret.
            #[derive(Debug)]
            #[repr(transparent)]
            pub struct Handle {
                handle: _rt::Resource<Handle>,
            }
            impl Handle {
                #[doc(hidden)]
                pub unsafe fn from_handle(handle: u32) -> Self {
                    Self {
                        handle: unsafe { _rt::Resource::from_handle(handle) },
                    }
                }
                #[doc(hidden)]
                pub fn take_handle(&self) -> u32 {
                    _rt::Resource::take_handle(&self.handle)
                }
                #[doc(hidden)]
                pub fn handle(&self) -> u32 {
                    _rt::Resource::handle(&self.handle)
                }
            }
            unsafe impl _rt::WasmResource for Handle {
                #[inline]
                unsafe fn drop(_handle: u32) {
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "[resource-drop]handle"]
                        fn drop(_: i32);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn drop(_: i32) {
                        unreachable!()
                    }
                    unsafe {
                        drop(_handle as i32);
                    }
                }
            }
            impl Handle {
                #[allow(unused_unsafe, clippy::all)]
                /// A text that stands for the secret in a request: the host replaces it in
                /// the places that were granted, towards the hosts that were granted. It is
                /// another one on every attempt and means nothing elsewhere.
                #[allow(async_fn_in_trait)]
                pub fn placeholder(&self) -> _rt::String {
                    unsafe {
                        #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                        #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                        struct RetArea(
                            [::core::mem::MaybeUninit<
                                u8,
                            >; 2 * ::core::mem::size_of::<*const u8>()],
                        );
                        let mut ret_area = RetArea(
                            [::core::mem::MaybeUninit::uninit(); 2
                                * ::core::mem::size_of::<*const u8>()],
                        );
                        let ptr0 = ret_area.0.as_mut_ptr().cast::<u8>();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[method]handle.placeholder"]
                            fn wit_import1(_: i32, _: *mut u8);
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import1(_: i32, _: *mut u8) {
                            unreachable!()
                        }
                        wit_import1((self).handle() as i32, ptr0);
                        let l2 = *ptr0.add(0).cast::<*mut u8>();
                        let l3 = *ptr0
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let len4 = l3;
                        let bytes4 = _rt::Vec::from_raw_parts(l2.cast(), len4, len4);
                        let result5 = _rt::string_lift(bytes4);
                        result5
                    }
                }
            }
            impl Handle {
                #[allow(unused_unsafe, clippy::all)]
                /// HMAC-SHA-256 (RFC 2104) of `message`, with the secret's bytes as the key.
                #[allow(async_fn_in_trait)]
                pub fn hmac_sha256(
                    &self,
                    message: &[u8],
                ) -> ::core::result::Result<_rt::Vec<u8>, Error> {
                    unsafe {
                        #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                        #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                        struct RetArea(
                            [::core::mem::MaybeUninit<
                                u8,
                            >; 4 * ::core::mem::size_of::<*const u8>()],
                        );
                        let mut ret_area = RetArea(
                            [::core::mem::MaybeUninit::uninit(); 4
                                * ::core::mem::size_of::<*const u8>()],
                        );
                        let vec0 = message;
                        let ptr0 = vec0.as_ptr().cast::<u8>();
                        let len0 = vec0.len();
                        let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[method]handle.hmac-sha256"]
                            fn wit_import2(_: i32, _: *mut u8, _: usize, _: *mut u8);
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import2(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        ) {
                            unreachable!()
                        }
                        wit_import2((self).handle() as i32, ptr0.cast_mut(), len0, ptr1);
                        let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                        let result15 = match l3 {
                            0 => {
                                let e = {
                                    let l4 = *ptr1
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l5 = *ptr1
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len6 = l5;
                                    <_ as From<
                                        _rt::Vec<_>,
                                    >>::from(_rt::Vec::from_raw_parts(l4.cast(), len6, len6))
                                };
                                Ok(e)
                            }
                            1 => {
                                let e = {
                                    let l7 = i32::from(
                                        *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                    );
                                    let v14 = match l7 {
                                        0 => {
                                            let e14 = {
                                                let l8 = *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l9 = *ptr1
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len10 = l9;
                                                let bytes10 = _rt::Vec::from_raw_parts(
                                                    l8.cast(),
                                                    len10,
                                                    len10,
                                                );
                                                _rt::string_lift(bytes10)
                                            };
                                            Error::Denied(e14)
                                        }
                                        n => {
                                            debug_assert_eq!(n, 1, "invalid enum discriminant");
                                            let e14 = {
                                                let l11 = *ptr1
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l12 = *ptr1
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len13 = l12;
                                                let bytes13 = _rt::Vec::from_raw_parts(
                                                    l11.cast(),
                                                    len13,
                                                    len13,
                                                );
                                                _rt::string_lift(bytes13)
                                            };
                                            Error::Invalid(e14)
                                        }
                                    };
                                    v14
                                };
                                Err(e)
                            }
                            _ => _rt::invalid_enum_discriminant(),
                        };
                        result15
                    }
                }
            }
            impl Handle {
                #[allow(unused_unsafe, clippy::all)]
                /// The headers that sign a request by AWS Signature Version 4. The secret
                /// is a JSON object with `access-key-id`, `secret-access-key` and, where
                /// there is one, `session-token`.
                #[allow(async_fn_in_trait)]
                pub fn aws_sigv4(
                    &self,
                    request: &AwsRequest,
                ) -> ::core::result::Result<
                    _rt::Vec<(_rt::String, _rt::String)>,
                    Error,
                > {
                    unsafe {
                        #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                        #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                        struct RetArea(
                            [::core::mem::MaybeUninit<
                                u8,
                            >; 4 * ::core::mem::size_of::<*const u8>()],
                        );
                        let mut ret_area = RetArea(
                            [::core::mem::MaybeUninit::uninit(); 4
                                * ::core::mem::size_of::<*const u8>()],
                        );
                        let AwsRequest {
                            method: method0,
                            url: url0,
                            headers: headers0,
                            body_sha256: body_sha2560,
                            region: region0,
                            service: service0,
                        } = request;
                        let vec1 = method0;
                        let ptr1 = vec1.as_ptr().cast::<u8>();
                        let len1 = vec1.len();
                        let vec2 = url0;
                        let ptr2 = vec2.as_ptr().cast::<u8>();
                        let len2 = vec2.len();
                        let vec6 = headers0;
                        let len6 = vec6.len();
                        let layout6 = _rt::alloc::Layout::from_size_align(
                                vec6.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result6, _cleanup6) = wit_bindgen::rt::Cleanup::new(
                            layout6,
                        );
                        for (i, e) in vec6.into_iter().enumerate() {
                            let base = result6
                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                            {
                                let (t3_0, t3_1) = e;
                                let vec4 = t3_0;
                                let ptr4 = vec4.as_ptr().cast::<u8>();
                                let len4 = vec4.len();
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len4;
                                *base.add(0).cast::<*mut u8>() = ptr4.cast_mut();
                                let vec5 = t3_1;
                                let ptr5 = vec5.as_ptr().cast::<u8>();
                                let len5 = vec5.len();
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len5;
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr5.cast_mut();
                            }
                        }
                        let vec7 = body_sha2560;
                        let ptr7 = vec7.as_ptr().cast::<u8>();
                        let len7 = vec7.len();
                        let vec8 = region0;
                        let ptr8 = vec8.as_ptr().cast::<u8>();
                        let len8 = vec8.len();
                        let vec9 = service0;
                        let ptr9 = vec9.as_ptr().cast::<u8>();
                        let len9 = vec9.len();
                        let ptr10 = ret_area.0.as_mut_ptr().cast::<u8>();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[method]handle.aws-sigv4"]
                            fn wit_import11(
                                _: i32,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                            );
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import11(
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        ) {
                            unreachable!()
                        }
                        wit_import11(
                            (self).handle() as i32,
                            ptr1.cast_mut(),
                            len1,
                            ptr2.cast_mut(),
                            len2,
                            result6,
                            len6,
                            ptr7.cast_mut(),
                            len7,
                            ptr8.cast_mut(),
                            len8,
                            ptr9.cast_mut(),
                            len9,
                            ptr10,
                        );
                        let l12 = i32::from(*ptr10.add(0).cast::<u8>());
                        let result30 = match l12 {
                            0 => {
                                let e = {
                                    let l13 = *ptr10
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l14 = *ptr10
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let base21 = l13;
                                    let len21 = l14;
                                    let mut result21 = _rt::Vec::with_capacity(len21);
                                    for i in 0..len21 {
                                        let base = base21
                                            .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                                        let e21 = {
                                            let l15 = *base.add(0).cast::<*mut u8>();
                                            let l16 = *base
                                                .add(::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len17 = l16;
                                            let bytes17 = _rt::Vec::from_raw_parts(
                                                l15.cast(),
                                                len17,
                                                len17,
                                            );
                                            let l18 = *base
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l19 = *base
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len20 = l19;
                                            let bytes20 = _rt::Vec::from_raw_parts(
                                                l18.cast(),
                                                len20,
                                                len20,
                                            );
                                            (_rt::string_lift(bytes17), _rt::string_lift(bytes20))
                                        };
                                        result21.push(e21);
                                    }
                                    _rt::cabi_dealloc(
                                        base21,
                                        len21 * (4 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    );
                                    result21
                                };
                                Ok(e)
                            }
                            1 => {
                                let e = {
                                    let l22 = i32::from(
                                        *ptr10.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                    );
                                    let v29 = match l22 {
                                        0 => {
                                            let e29 = {
                                                let l23 = *ptr10
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l24 = *ptr10
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len25 = l24;
                                                let bytes25 = _rt::Vec::from_raw_parts(
                                                    l23.cast(),
                                                    len25,
                                                    len25,
                                                );
                                                _rt::string_lift(bytes25)
                                            };
                                            Error::Denied(e29)
                                        }
                                        n => {
                                            debug_assert_eq!(n, 1, "invalid enum discriminant");
                                            let e29 = {
                                                let l26 = *ptr10
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l27 = *ptr10
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len28 = l27;
                                                let bytes28 = _rt::Vec::from_raw_parts(
                                                    l26.cast(),
                                                    len28,
                                                    len28,
                                                );
                                                _rt::string_lift(bytes28)
                                            };
                                            Error::Invalid(e29)
                                        }
                                    };
                                    v29
                                };
                                Err(e)
                            }
                            _ => _rt::invalid_enum_discriminant(),
                        };
                        result30
                    }
                }
            }
            impl Handle {
                #[allow(unused_unsafe, clippy::all)]
                /// A JSON Web Token (RFC 7519) over `claims`, which is a JSON object, with
                /// `key-id` in its header where it is given. The secret is the key: any
                /// bytes for `hs256`, PKCS #8 in PEM for the others.
                #[allow(async_fn_in_trait)]
                pub fn jwt_sign(
                    &self,
                    algorithm: JwtAlgorithm,
                    key_id: ::core::option::Option<&str>,
                    claims: &str,
                ) -> ::core::result::Result<_rt::String, Error> {
                    unsafe {
                        #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                        #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                        struct RetArea(
                            [::core::mem::MaybeUninit<
                                u8,
                            >; 4 * ::core::mem::size_of::<*const u8>()],
                        );
                        let mut ret_area = RetArea(
                            [::core::mem::MaybeUninit::uninit(); 4
                                * ::core::mem::size_of::<*const u8>()],
                        );
                        let (result1_0, result1_1, result1_2) = match key_id {
                            Some(e) => {
                                let vec0 = e;
                                let ptr0 = vec0.as_ptr().cast::<u8>();
                                let len0 = vec0.len();
                                (1i32, ptr0.cast_mut(), len0)
                            }
                            None => (0i32, ::core::ptr::null_mut(), 0usize),
                        };
                        let vec2 = claims;
                        let ptr2 = vec2.as_ptr().cast::<u8>();
                        let len2 = vec2.len();
                        let ptr3 = ret_area.0.as_mut_ptr().cast::<u8>();
                        #[cfg(target_arch = "wasm32")]
                        #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                        unsafe extern "C" {
                            #[link_name = "[method]handle.jwt-sign"]
                            fn wit_import4(
                                _: i32,
                                _: i32,
                                _: i32,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                                _: usize,
                                _: *mut u8,
                            );
                        }
                        #[cfg(not(target_arch = "wasm32"))]
                        unsafe extern "C" fn wit_import4(
                            _: i32,
                            _: i32,
                            _: i32,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                            _: usize,
                            _: *mut u8,
                        ) {
                            unreachable!()
                        }
                        wit_import4(
                            (self).handle() as i32,
                            algorithm.clone() as i32,
                            result1_0,
                            result1_1,
                            result1_2,
                            ptr2.cast_mut(),
                            len2,
                            ptr3,
                        );
                        let l5 = i32::from(*ptr3.add(0).cast::<u8>());
                        let result17 = match l5 {
                            0 => {
                                let e = {
                                    let l6 = *ptr3
                                        .add(::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>();
                                    let l7 = *ptr3
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>();
                                    let len8 = l7;
                                    let bytes8 = _rt::Vec::from_raw_parts(
                                        l6.cast(),
                                        len8,
                                        len8,
                                    );
                                    _rt::string_lift(bytes8)
                                };
                                Ok(e)
                            }
                            1 => {
                                let e = {
                                    let l9 = i32::from(
                                        *ptr3.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                    );
                                    let v16 = match l9 {
                                        0 => {
                                            let e16 = {
                                                let l10 = *ptr3
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l11 = *ptr3
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len12 = l11;
                                                let bytes12 = _rt::Vec::from_raw_parts(
                                                    l10.cast(),
                                                    len12,
                                                    len12,
                                                );
                                                _rt::string_lift(bytes12)
                                            };
                                            Error::Denied(e16)
                                        }
                                        n => {
                                            debug_assert_eq!(n, 1, "invalid enum discriminant");
                                            let e16 = {
                                                let l13 = *ptr3
                                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<*mut u8>();
                                                let l14 = *ptr3
                                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                                    .cast::<usize>();
                                                let len15 = l14;
                                                let bytes15 = _rt::Vec::from_raw_parts(
                                                    l13.cast(),
                                                    len15,
                                                    len15,
                                                );
                                                _rt::string_lift(bytes15)
                                            };
                                            Error::Invalid(e16)
                                        }
                                    };
                                    v16
                                };
                                Err(e)
                            }
                            _ => _rt::invalid_enum_discriminant(),
                        };
                        result17
                    }
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// The secret with that name in the pipeline file.
            #[allow(async_fn_in_trait)]
            pub fn open(name: &str) -> ::core::result::Result<Handle, Error> {
                unsafe {
                    #[cfg_attr(target_pointer_width = "64", repr(align(8)))]
                    #[cfg_attr(target_pointer_width = "32", repr(align(4)))]
                    struct RetArea(
                        [::core::mem::MaybeUninit<
                            u8,
                        >; 4 * ::core::mem::size_of::<*const u8>()],
                    );
                    let mut ret_area = RetArea(
                        [::core::mem::MaybeUninit::uninit(); 4
                            * ::core::mem::size_of::<*const u8>()],
                    );
                    let vec0 = name;
                    let ptr0 = vec0.as_ptr().cast::<u8>();
                    let len0 = vec0.len();
                    let ptr1 = ret_area.0.as_mut_ptr().cast::<u8>();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "airtight:step/secret@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "open"]
                        fn wit_import2(_: *mut u8, _: usize, _: *mut u8);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(_: *mut u8, _: usize, _: *mut u8) {
                        unreachable!()
                    }
                    wit_import2(ptr0.cast_mut(), len0, ptr1);
                    let l3 = i32::from(*ptr1.add(0).cast::<u8>());
                    let result13 = match l3 {
                        0 => {
                            let e = {
                                let l4 = *ptr1
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<i32>();
                                Handle::from_handle(l4 as u32)
                            };
                            Ok(e)
                        }
                        1 => {
                            let e = {
                                let l5 = i32::from(
                                    *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<u8>(),
                                );
                                let v12 = match l5 {
                                    0 => {
                                        let e12 = {
                                            let l6 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l7 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len8 = l7;
                                            let bytes8 = _rt::Vec::from_raw_parts(
                                                l6.cast(),
                                                len8,
                                                len8,
                                            );
                                            _rt::string_lift(bytes8)
                                        };
                                        Error::Denied(e12)
                                    }
                                    n => {
                                        debug_assert_eq!(n, 1, "invalid enum discriminant");
                                        let e12 = {
                                            let l9 = *ptr1
                                                .add(2 * ::core::mem::size_of::<*const u8>())
                                                .cast::<*mut u8>();
                                            let l10 = *ptr1
                                                .add(3 * ::core::mem::size_of::<*const u8>())
                                                .cast::<usize>();
                                            let len11 = l10;
                                            let bytes11 = _rt::Vec::from_raw_parts(
                                                l9.cast(),
                                                len11,
                                                len11,
                                            );
                                            _rt::string_lift(bytes11)
                                        };
                                        Error::Invalid(e12)
                                    }
                                };
                                v12
                            };
                            Err(e)
                        }
                        _ => _rt::invalid_enum_discriminant(),
                    };
                    result13
                }
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::string::String;
    pub use alloc_crate::alloc;
    pub fn as_i64<T: AsI64>(t: T) -> i64 {
        t.as_i64()
    }
    pub trait AsI64 {
        fn as_i64(self) -> i64;
    }
    impl<'a, T: Copy + AsI64> AsI64 for &'a T {
        fn as_i64(self) -> i64 {
            (*self).as_i64()
        }
    }
    impl AsI64 for i64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    impl AsI64 for u64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
    }
    pub unsafe fn invalid_enum_discriminant<T>() -> T {
        if cfg!(debug_assertions) {
            panic!("invalid enum discriminant")
        } else {
            unsafe { core::hint::unreachable_unchecked() }
        }
    }
    pub use alloc_crate::vec::Vec;
    use core::fmt;
    use core::marker;
    use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// A type which represents a component model resource, either imported or
    /// exported into this component.
    ///
    /// This is a low-level wrapper which handles the lifetime of the resource
    /// (namely this has a destructor). The `T` provided defines the component model
    /// intrinsics that this wrapper uses.
    ///
    /// One of the chief purposes of this type is to provide `Deref` implementations
    /// to access the underlying data when it is owned.
    ///
    /// This type is primarily used in generated code for exported and imported
    /// resources.
    #[repr(transparent)]
    pub struct Resource<T: WasmResource> {
        handle: AtomicU32,
        _marker: marker::PhantomData<T>,
    }
    /// A trait which all wasm resources implement, namely providing the ability to
    /// drop a resource.
    ///
    /// This generally is implemented by generated code, not user-facing code.
    #[allow(clippy::missing_safety_doc)]
    pub unsafe trait WasmResource {
        /// Invokes the `[resource-drop]...` intrinsic.
        unsafe fn drop(handle: u32);
    }
    impl<T: WasmResource> Resource<T> {
        #[doc(hidden)]
        pub unsafe fn from_handle(handle: u32) -> Self {
            debug_assert!(handle != 0 && handle != u32::MAX);
            Self {
                handle: AtomicU32::new(handle),
                _marker: marker::PhantomData,
            }
        }
        /// Takes ownership of the handle owned by `resource`.
        ///
        /// Note that this ideally would be `into_handle` taking `Resource<T>` by
        /// ownership. The code generator does not enable that in all situations,
        /// unfortunately, so this is provided instead.
        ///
        /// Also note that `take_handle` is in theory only ever called on values
        /// owned by a generated function. For example a generated function might
        /// take `Resource<T>` as an argument but then call `take_handle` on a
        /// reference to that argument. In that sense the dynamic nature of
        /// `take_handle` should only be exposed internally to generated code, not
        /// to user code.
        #[doc(hidden)]
        pub fn take_handle(resource: &Resource<T>) -> u32 {
            resource.handle.swap(u32::MAX, Relaxed)
        }
        #[doc(hidden)]
        pub fn handle(resource: &Resource<T>) -> u32 {
            resource.handle.load(Relaxed)
        }
    }
    impl<T: WasmResource> fmt::Debug for Resource<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Resource").field("handle", &self.handle).finish()
        }
    }
    impl<T: WasmResource> Drop for Resource<T> {
        fn drop(&mut self) {
            unsafe {
                match self.handle.load(Relaxed) {
                    u32::MAX => {}
                    other => T::drop(other),
                }
            }
        }
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    extern crate alloc as alloc_crate;
}
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.63.0:airtight:step@0.1.0:imports:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 1553] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\x93\x0b\x01A\x02\x01\
A\x0a\x01B\x07\x01m\x05\x05trace\x05debug\x04info\x04warn\x05error\x04\0\x05leve\
l\x03\0\0\x01r\x02\x04names\x05values\x04\0\x05field\x03\0\x02\x01p\x03\x01@\x03\
\x05level\x01\x07messages\x06fields\x04\x01\0\x04\0\x03log\x01\x05\x03\0\x17airt\
ight:step/log@0.1.0\x05\0\x01B\x05\x01kw\x01@\x03\x04tasks\x04donew\x05total\0\x01\
\0\x04\0\x06update\x01\x01\x01@\x01\x04tasks\x01\0\x04\0\x06finish\x01\x02\x03\0\
\x1cairtight:step/progress@0.1.0\x05\x01\x01B\x1c\x01ky\x01r\x03\x04paths\x04lin\
e\0\x06column\0\x04\0\x08location\x03\0\x01\x01q\x04\x06passed\0\0\x06failed\x01\
s\0\x07errored\x01s\0\x07skipped\x01s\0\x04\0\x0ctest-outcome\x03\0\x03\x01kw\x01\
k\x02\x01r\x05\x05suites\x04names\x07outcome\x04\x0bduration-us\x05\x08location\x06\
\x04\0\x09test-case\x03\0\x07\x01m\x03\x04note\x07warning\x05error\x04\0\x08seve\
rity\x03\0\x09\x01ks\x01r\x05\x04rules\x08severity\x0a\x07messages\x08location\x06\
\x0bfingerprint\x0b\x04\0\x07finding\x03\0\x0c\x01r\x03\x04names\x05valueu\x04un\
it\x0b\x04\0\x06metric\x03\0\x0e\x01r\x04\x08severity\x0a\x05titles\x07messages\x08\
location\x06\x04\0\x0aannotation\x03\0\x10\x01@\x01\x04test\x08\x01\0\x04\0\x0da\
dd-test-case\x01\x12\x01@\x01\x07finding\x0d\x01\0\x04\0\x0badd-finding\x01\x13\x01\
@\x01\x06metric\x0f\x01\0\x04\0\x0aadd-metric\x01\x14\x01@\x01\x0aannotation\x11\
\x01\0\x04\0\x0eadd-annotation\x01\x15\x01@\x01\x08markdowns\x01\0\x04\0\x0bset-\
summary\x01\x16\x03\0\x1aairtight:step/report@0.1.0\x05\x02\x01B\x05\x01m\x03\x08\
no-entry\x0anot-a-file\x09read-only\x04\0\x0aerror-code\x03\0\0\x01j\0\x01\x01\x01\
@\x02\x04paths\x0aexecutable\x7f\0\x02\x04\0\x0eset-executable\x01\x03\x03\0\x1c\
airtight:step/artifact@0.1.0\x05\x03\x01B\x1b\x01q\x02\x06denied\x01s\0\x07inval\
id\x01s\0\x04\0\x05error\x03\0\0\x01o\x02ss\x01p\x02\x01r\x06\x06methods\x03urls\
\x07headers\x03\x0bbody-sha256s\x06regions\x07services\x04\0\x0baws-request\x03\0\
\x04\x01m\x04\x05hs256\x05rs256\x05es256\x05eddsa\x04\0\x0djwt-algorithm\x03\0\x06\
\x04\0\x06handle\x03\x01\x01h\x08\x01@\x01\x04self\x09\0s\x04\0\x1a[method]handl\
e.placeholder\x01\x0a\x01p}\x01j\x01\x0b\x01\x01\x01@\x02\x04self\x09\x07message\
\x0b\0\x0c\x04\0\x1a[method]handle.hmac-sha256\x01\x0d\x01j\x01\x03\x01\x01\x01@\
\x02\x04self\x09\x07request\x05\0\x0e\x04\0\x18[method]handle.aws-sigv4\x01\x0f\x01\
ks\x01j\x01s\x01\x01\x01@\x04\x04self\x09\x09algorithm\x07\x06key-id\x10\x06clai\
mss\0\x11\x04\0\x17[method]handle.jwt-sign\x01\x12\x01i\x08\x01j\x01\x13\x01\x01\
\x01@\x01\x04names\0\x14\x04\0\x04open\x01\x15\x03\0\x1aairtight:step/secret@0.1\
.0\x05\x04\x04\0\x1bairtight:step/imports@0.1.0\x04\0\x0b\x0d\x01\0\x07imports\x03\
\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-component\x070.262.0\x10wit-\
bindgen-rust\x060.63.0";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
