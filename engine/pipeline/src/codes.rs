//! The stable codes of what can be wrong in a pipeline file. Each has a golden case in `tests/ui/pipeline` and a row in
//! `docs/diagnostics.md`; a test holds both. A code is never given another meaning. Not here: the messages.

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal;)*) => {
        $($(#[doc = $doc])* pub(crate) const $name: &str = $code;)*

        /// Every code with what it says, in order.
        pub const CODES: &[(&str, &str)] = &[$(($code, concat!($($doc),*))),*];
    };
}

codes! {
    /// The text is not YAML.
    NOT_YAML = "P0001";
    /// A key is there twice.
    DUPLICATE_KEY = "P0002";
    /// The file is larger, or nests or repeats more, than is read.
    TOO_LARGE = "P0003";
    /// A key that does not belong there.
    UNKNOWN_KEY = "P0004";
    /// A key that must be there is not.
    MISSING_KEY = "P0005";
    /// A value of another kind than the key takes.
    WRONG_TYPE = "P0006";
    /// `airtight:` is not a version that this engine reads.
    VERSION = "P0007";
    /// Something that this version does not have yet.
    NOT_AVAILABLE = "P0008";
    /// A name that cannot be one.
    BAD_NAME = "P0009";
    /// A value that is not one of those that the key takes.
    BAD_VALUE = "P0010";
    /// A size or a time that does not read as one.
    BAD_QUANTITY = "P0011";
    /// A clock that is neither RFC 3339 nor seconds.
    BAD_CLOCK = "P0012";
    /// A glob that does not read as one.
    BAD_GLOB = "P0013";
    /// A path of the guest that is not absolute and normal, or is not free.
    BAD_GUEST_PATH = "P0014";
    /// A path of the pipeline's folder that leaves it, or is not relative.
    BAD_HOST_PATH = "P0015";
    /// A mount inside another one.
    MOUNT_OVERLAP = "P0016";
    /// An output that no writable place holds.
    OUTPUT_PLACE = "P0017";
    /// Two exports that write to one place.
    EXPORT_OVERLAP = "P0018";
    /// A source that is not declared.
    UNKNOWN_SOURCE = "P0020";
    /// A step that is not there.
    UNKNOWN_STEP = "P0021";
    /// An output that the step does not declare.
    UNKNOWN_OUTPUT = "P0022";
    /// A text that is neither a source nor an output of a step.
    BAD_REFERENCE = "P0023";
    /// A cell that the matrix does not have, or a matrix step without a cell.
    UNKNOWN_CELL = "P0024";
    /// Steps that wait for each other.
    CYCLE = "P0025";
    /// A stage that `stages:` does not list.
    UNKNOWN_STAGE = "P0026";
    /// A component that is not there.
    COMPONENT_NOT_FOUND = "P0030";
    /// A file that is no component, or one with no way to run.
    COMPONENT_UNUSABLE = "P0031";
    /// A component that imports what Airtight does not provide.
    UNKNOWN_IMPORT = "P0032";
    /// Keys of a function step and of a command step together.
    CALL_CONFLICT = "P0033";
    /// A function that the component does not export.
    UNKNOWN_FUNCTION = "P0034";
    /// Arguments for a command, but the component is none.
    NOT_A_COMMAND = "P0035";
    /// A parameter without a value.
    MISSING_ARGUMENT = "P0036";
    /// A key of `with:` that is no parameter.
    UNKNOWN_ARGUMENT = "P0037";
    /// A value that does not fit the parameter's type.
    ARGUMENT_TYPE = "P0038";
    /// A component of a registry that the lock does not list, or that was not fetched.
    COMPONENT_ELSEWHERE = "P0039";
    /// An expression that does not read as one.
    EXPRESSION_SYNTAX = "P0040";
    /// An expression that names what is not there.
    EXPRESSION_NAME = "P0041";
    /// An expression that calls a function that is not there.
    EXPRESSION_FUNCTION = "P0042";
    /// An expression that asks for a result that the step does not have.
    EXPRESSION_RESULT = "P0043";
    /// An expression without a value.
    EXPRESSION_FAILS = "P0044";
    /// An expression where none can stand, or one that needs results too early.
    EXPRESSION_PLACE = "P0045";
    /// An expression whose value does not fit its place.
    EXPRESSION_TYPE = "P0046";
    /// An input whose declaration contradicts itself.
    INPUT_DECLARATION = "P0050";
    /// A value for an input that is not declared.
    INPUT_UNKNOWN = "P0051";
    /// An input without a value.
    INPUT_MISSING = "P0052";
    /// A value that does not fit the input.
    INPUT_VALUE = "P0053";
    /// A matrix that does not read as one.
    MATRIX_INVALID = "P0055";
    /// Two cells of a matrix that are the same.
    MATRIX_DUPLICATE = "P0056";
    /// A matrix without a cell, or with too many.
    MATRIX_SIZE = "P0057";
    /// An included file that cannot be read.
    INCLUDE_UNREADABLE = "P0060";
    /// A file that is included twice, or includes itself.
    INCLUDE_CYCLE = "P0061";
    /// A name that two files give.
    NAME_COLLISION = "P0062";
    /// A key that only the pipeline file may have, not a file that it includes.
    NOT_IN_FRAGMENT = "P0063";
    /// A retry that would make the same attempt again.
    RETRY_PURE = "P0070";
    /// A step to run that is not in the pipeline.
    UNKNOWN_SELECTION = "P0071";
    /// A condition on an outcome that the step never sees.
    CONDITION_UNREACHABLE = "P0072";
    /// A host, an origin or a URL of a grant that does not read as one.
    BAD_GRANT = "P0080";
    /// A grant to more hosts than anyone owns.
    GRANT_TOO_WIDE = "P0081";
    /// A method that is none, or that is never sent.
    BAD_METHOD = "P0082";
    /// Addresses that do not read as any.
    BAD_ADDRESSES = "P0083";
    /// A secret that is not declared.
    UNKNOWN_SECRET = "P0084";
    /// A secret that no step uses.
    UNUSED_SECRET = "P0085";
    /// A secret for an origin that the step may not reach.
    SECRET_NOT_COVERED = "P0086";
    /// Two values for one variable of the environment.
    ENV_COLLISION = "P0087";
    /// A secret without a source, or with several.
    SECRET_SOURCE = "P0088";
    /// A clock that is both real and set.
    CLOCK_CONFLICT = "P0089";
    /// A pin that no digest can be, or several for one output.
    BAD_PIN = "P0090";
    /// A lock that does not read as one.
    LOCK_INVALID = "P0100";
    /// A step or a component wants more than the lock says, or a trusted lock names what the project itself can change.
    LOCK_WIDENED = "P0101";
    /// Something that the lock does not list.
    LOCK_MISSING = "P0102";
    /// A step goes beyond a policy.
    BEYOND_POLICY = "P0110";
}
