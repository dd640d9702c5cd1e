//! The span of a client of which a request is part, as W3C Trace Context writes it.

use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// How long a `tracestate` may be; the standard wants 512 characters to be passed on.
const STATE_BYTES_MAX: usize = 512;

/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// The span that `traceparent` and `tracestate` name. One that is not as the standard says is none, and a
/// new trace begins.
pub(crate) fn parent(traceparent: &str, tracestate: Option<&str>) -> Option<SpanContext> {
    let text = traceparent.trim();
    let (head, rest) = text.split_at_checked(LENGTH)?;
    let mut parts = head.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may have more behind a dash.
    let is_longer_version = version != "00" && rest.starts_with('-');
    if parts.next().is_some() || !(rest.is_empty() || is_longer_version) {
        return None;
    }
    if hex(version, 2)? == 0xff {
        return None;
    }
    let trace = hex(trace, 32).filter(|id| *id != 0)?;
    let span = u64::try_from(hex(span, 16)?).ok().filter(|id| *id != 0)?;
    let flags = u8::try_from(hex(flags, 2)?).ok()?;
    let state = tracestate
        .filter(|state| state.len() <= STATE_BYTES_MAX)
        .and_then(|state| TraceState::from_str(state).ok());
    Some(SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
        true,
        state.unwrap_or_default(),
    ))
}

/// A number of so many digits in lower case.
fn hex(digits: &str, count: usize) -> Option<u128> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_right = digits.len() == count && digits.bytes().all(is_hex);
    u128::from_str_radix(digits, 16).ok().filter(|_| is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn spans_of_clients_are_read_as_the_standard_writes_them() {
        let read = |text: &str| parent(text, Some("vendor=x"));
        let context = read(&format!("00-{TRACE}-b7ad6b7169203331-01")).expect("one");
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), "b7ad6b7169203331");
        assert!(context.is_sampled() && context.is_remote());
        assert_eq!(context.trace_state().get("vendor"), Some("x"));
        // Other flags than the one that is known mean nothing.
        let context = read(&format!("00-{TRACE}-b7ad6b7169203331-fe")).expect("one");
        assert!(!context.is_sampled());
        // A later version, with more behind what is known.
        assert!(read(&format!("01-{TRACE}-b7ad6b7169203331-01-more")).is_some());
        assert!(read(&format!(" 00-{TRACE}-b7ad6b7169203331-01 ")).is_some());
    }

    #[test]
    fn what_is_not_as_the_standard_says_is_no_span() {
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-b7ad6b7169203331"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("00-{TRACE}-b7ad6b7169203331-1"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{zeros}-b7ad6b7169203331-01"),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-b7ad6b716920333-001"),
            format!("0{TRACE}-00-b7ad6b7169203331-01"),
            format!("00-{TRACE}-b7ad6b716920333ö-1"),
            "ö".repeat(40),
        ] {
            assert!(parent(&bad, None).is_none(), "{bad}");
        }
        let good = format!("00-{TRACE}-b7ad6b7169203331-01");
        for state in ["no pair", &"a=".repeat(300)] {
            let context = parent(&good, Some(state)).expect("the span is good");
            assert_eq!(context.trace_state(), &TraceState::default());
        }
    }
}
