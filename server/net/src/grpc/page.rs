//! Pages of lists.
//!
//! A token says behind which item the next page begins. To clients it is opaque.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

use super::status;

/// The last item of the page before, as a token says; there is none on the first page.
pub fn after(token: &str) -> Result<Option<String>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Some)
        .ok_or_else(|| status::invalid("page_token", "not a token of this server"))
}

/// The token of the page behind an item.
pub fn token(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(last)
}

/// How many items of a kind that one likes to have all of go on a page, where a client wants so many.
pub fn long(sent: u32) -> usize {
    size(sent, 1_000, 10_000)
}

/// How many items go on a page, where a client wants so many.
pub fn size(sent: u32, usual: u32, max: u32) -> usize {
    let size = if sent == 0 { usual } else { sent.min(max) };
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The page of a list behind a token, in the order of `key`; with the token of the next page, or nothing.
pub fn of<T>(
    mut items: Vec<T>,
    sent: &str,
    size: usize,
    key: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, String), Status> {
    items.sort_by(|left, right| key(left).cmp(key(right)));
    if let Some(after) = after(sent)? {
        items.retain(|item| *key(item) > *after);
    }
    let has_more = items.len() > size;
    items.truncate(size);
    let next = match items.last() {
        Some(last) if has_more => token(key(last)),
        _ => String::new(),
    };
    Ok((items, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let all = || ["b", "a", "d", "c:x"].map(str::to_owned).to_vec();
        let (first, next) = of(all(), "", 2, |item| item).expect("a page");
        assert_eq!(first, ["a", "b"]);
        let (second, next) = of(all(), &next, 2, |item| item).expect("a page");
        assert_eq!(second, ["c:x", "d"]);
        assert_eq!(next, "");
        assert!(of(all(), "?", 2, |item| item).is_err());
    }
}
