//! What the host gives the machine, as files of QEMU's `fw_cfg` device; or as one [list](files) of
//! them, where that device cannot have any.

/// The program: an ELF file.
pub const PROGRAM: &str = "opt/bonfire/program";
/// Its arguments, its own name first, each with a zero byte behind it.
pub const ARGUMENTS: &str = "opt/bonfire/arguments";
/// Its environment, likewise.
pub const ENVIRONMENT: &str = "opt/bonfire/environment";
/// Files for it to open, one behind the other, see [`files`].
pub const FILES: &str = "opt/bonfire/files";

/// The files in such a list: of each its name with a zero byte behind it, its [`length`],
/// and its bytes. It ends where it is not right any more.
///
/// ```
/// use bonfire_testbed::given::{files, length};
/// let list = [b"/one\0".as_slice(), &length(3), b"abc", b"/two\0", &length(0)].concat();
/// assert!(files(&list).eq([(&b"/one"[..], &b"abc"[..]), (b"/two", b"")]));
/// ```
pub fn files(list: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = list;
    core::iter::from_fn(move || {
        let end = rest.iter().position(|&byte| byte == 0)?;
        let (name, behind) = (&rest[..end], &rest[end + 1..]);
        let (length, behind) = behind.split_first_chunk()?;
        let (bytes, behind) = behind.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        rest = behind;
        Some((name, bytes))
    })
}

/// A file's length, as it stands in a list.
#[must_use]
pub const fn length(bytes: u64) -> [u8; 8] {
    bytes.to_le_bytes()
}
