//! How a broken transfer is taken up again (RFC 9110, sections 13 and 14). Not here: when.

use crate::host::Response;

/// What is known of a file of which a part is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Part {
    /// How many bytes are there.
    pub(crate) bytes: u64,
    /// What changes when the file does: a strong `ETag`, or the time of its last change.
    pub(crate) validator: Option<String>,
    /// How many bytes it has, where that is known.
    pub(crate) total: Option<u64>,
}

impl Part {
    /// What follows from the headers of an answer with the whole file.
    pub(crate) fn begin(response: &Response) -> Self {
        // A weak tag says that two files mean the same, not that they are the same bytes.
        let tag = response.header("etag").filter(|tag| tag.starts_with('"'));
        let validator = tag.or_else(|| response.header("last-modified"));
        let total = response.header("content-length").and_then(|length| length.parse().ok());
        Self {
            bytes: 0,
            validator: validator.map(str::to_owned),
            total,
        }
    }

    /// The headers that ask for the rest; none if it has to begin again.
    pub(crate) fn rest(&self) -> Option<[(&'static str, String); 2]> {
        let validator = self.validator.as_ref().filter(|_| self.bytes > 0)?;
        Some([
            ("range", format!("bytes={}-", self.bytes)),
            ("if-range", validator.clone()),
        ])
    }

    /// Whether an answer with a part of the file goes on where this one ends.
    pub(crate) fn goes_on(&self, response: &Response) -> bool {
        let range = response.header("content-range").and_then(content_range);
        range.is_some_and(|(first, total)| {
            first == self.bytes && (total.is_none() || self.total.is_none() || total == self.total)
        })
    }
}

/// The first byte and the length of the whole in `bytes 0-9/10`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = match total {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_that_can_be_is_read() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for text in [
            "",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "items 0-1/2",
            "bytes -1-5/9",
            "bytes 0-1",
        ] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }

    // Without something that changes with the content, the rest could be that of another file.
    #[test]
    fn the_rest_is_asked_for_only_with_a_validator() {
        let mut part = Part {
            bytes: 5,
            ..Part::default()
        };
        assert_eq!(part.rest(), None);
        part.validator = Some("\"v1\"".to_owned());
        assert_eq!(
            part.rest(),
            Some([("range", "bytes=5-".to_owned()), ("if-range", "\"v1\"".to_owned())])
        );
        part.bytes = 0;
        assert_eq!(part.rest(), None);
    }
}
