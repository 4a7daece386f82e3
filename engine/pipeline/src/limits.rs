//! Limits by their names in the pipeline file, as numbers and as texts. Not here: reading them (`lower::limits`), and
//! striking them.

use airtight_model::step::{Limits, NetLimits};

/// The names of limits, those of the network with `net.`.
pub(crate) const LIMITS: [&str; 21] = [
    "memory",
    "time",
    "output",
    "files",
    "log",
    "handles",
    "fuel",
    "tables",
    "stack",
    "name",
    "call",
    "random",
    "component",
    "compile",
    "net.requests",
    "net.connections",
    "net.lookups",
    "net.headers",
    "net.body",
    "net.total",
    "net.time",
];

/// A limit by its name; none where there is no bound.
pub(crate) fn value(limits: &Limits, name: &str) -> Option<u64> {
    let Limits {
        memory,
        time_ms,
        output,
        files,
        log,
        handles,
        fuel,
        tables,
        stack,
        name: length,
        call,
        random,
        component,
        compile_ms,
        net,
    } = *limits;
    let NetLimits {
        requests,
        connections,
        lookups,
        headers,
        body,
        total,
        time_ms: net_ms,
    } = net;
    match name {
        "memory" => Some(memory),
        "time" => time_ms,
        "output" => Some(output),
        "files" => Some(files),
        "log" => Some(log),
        "handles" => Some(handles.into()),
        "fuel" => fuel,
        "tables" => Some(tables),
        "stack" => Some(stack),
        "name" => Some(length.into()),
        "call" => Some(call),
        "random" => Some(random),
        "component" => Some(component),
        "compile" => Some(compile_ms),
        "net.requests" => Some(requests),
        "net.connections" => Some(connections.into()),
        "net.lookups" => Some(lookups.into()),
        "net.headers" => Some(headers),
        "net.body" => Some(body),
        "net.total" => Some(total),
        "net.time" => Some(net_ms),
        _ => None,
    }
}
/// Sets a limit by its name.
pub(crate) fn set(limits: &mut Limits, name: &str, most: u64) {
    // A maximum is below what the limit was, so it fits where that fitted.
    let small = u32::try_from(most).unwrap_or(u32::MAX);
    let net = &mut limits.net;
    match name {
        "memory" => limits.memory = most,
        "time" => limits.time_ms = Some(most),
        "output" => limits.output = most,
        "files" => limits.files = most,
        "log" => limits.log = most,
        "handles" => limits.handles = small,
        "fuel" => limits.fuel = Some(most),
        "tables" => limits.tables = most,
        "stack" => limits.stack = most,
        "name" => limits.name = small,
        "call" => limits.call = most,
        "random" => limits.random = most,
        "component" => limits.component = most,
        "compile" => limits.compile_ms = most,
        "net.requests" => net.requests = most,
        "net.connections" => net.connections = small,
        "net.lookups" => net.lookups = small,
        "net.headers" => net.headers = most,
        "net.body" => net.body = most,
        "net.total" => net.total = most,
        "net.time" => net.time_ms = most,
        _ => {}
    }
}

/// Every limit by its name, as the pipeline file would say it; `none` where there is no bound.
pub fn limit_texts(limits: &Limits) -> Vec<(&'static str, String)> {
    let text = |name: &'static str| {
        let text = match (value(limits, name), name.rsplit('.').next().unwrap_or(name)) {
            (None, _) => "none".to_owned(),
            (Some(ms), "time" | "compile") => time_text(ms),
            (
                Some(bytes),
                "memory" | "output" | "log" | "stack" | "call" | "random" | "component" | "headers" | "body" | "total",
            ) => size_text(bytes),
            (Some(count), _) => count.to_string(),
        };
        (name, text)
    };
    LIMITS.into_iter().map(text).collect()
}

fn size_text(bytes: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units
        .iter()
        .find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{bytes}B"),
        |(unit, shift)| format!("{}{unit}", bytes >> shift),
    )
}

fn time_text(ms: u64) -> String {
    let units = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units.iter().find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{ms}ms"), |(unit, factor)| format!("{}{unit}", ms / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is shown of a limit is what the file would say, and reads as the same number.
    #[test]
    fn limits_are_shown_as_the_file_would_say_them() {
        for bytes in [0, 1, 1023, 1 << 10, 3 << 20, 1 << 40, u64::MAX] {
            assert_eq!(crate::units::size(&size_text(bytes)), Some(bytes));
        }
        for ms in [1, 999, 1_000, 90_000, 3_600_000] {
            assert_eq!(crate::units::time_ms(&time_text(ms)), Some(ms));
        }
        let texts = limit_texts(&Limits::DEFAULT);
        assert_eq!(texts.len(), LIMITS.len());
        assert!(texts.contains(&("memory", "1GiB".to_owned())));
        assert!(texts.contains(&("fuel", "none".to_owned())));
    }

    // What a policy may bound is what the pipeline file may say.
    #[test]
    fn the_names_are_those_of_the_pipeline_file() {
        let net = crate::keys::NET_LIMITS.iter().map(|name| format!("net.{name}"));
        let own = crate::keys::LIMITS.iter().filter(|name| **name != "net");
        let names: Vec<String> = own.map(ToString::to_string).chain(net).collect();
        assert_eq!(names, LIMITS);
    }

    // A name that cannot be set is a maximum that a policy states in vain.
    #[test]
    fn every_limit_can_be_read_and_set() {
        for name in LIMITS {
            let mut limits = Limits::DEFAULT;
            set(&mut limits, name, 7);
            assert_eq!(value(&limits, name), Some(7), "{name}");
        }
    }
}
