//! Faults: what can be done to a process and to the file system it writes to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Runs a command of the system.
///
/// # Errors
/// If it is missing or fails; the error has what it said.
pub fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

/// A mounted file system of our own, unmounted when dropped.
pub struct Mounted {
    point: PathBuf,
    image: Option<PathBuf>,
}

impl Mounted {
    /// An ext4 file system in an image file, mounted through a loop device.
    ///
    /// # Errors
    /// Without root, loop devices or `mkfs.ext4`.
    pub fn ext4_image(directory: &Path, size_mib: u64) -> Result<Self> {
        let image = directory.join("disk.img");
        let file = std::fs::File::create(&image)?;
        file.set_len(size_mib << 20)?;
        run("mkfs.ext4", &["-q", "-F", path(&image)?])?;
        let point = directory.join("disk");
        std::fs::create_dir(&point)?;
        let mounted = Self {
            point,
            image: Some(image),
        };
        mounted.mount()?;
        Ok(mounted)
    }

    /// A file system in memory with room for so much.
    ///
    /// # Errors
    /// Without root.
    pub fn tmpfs(directory: &Path, size_mib: u64) -> Result<Self> {
        let point = directory.join("memory");
        std::fs::create_dir(&point)?;
        let size = format!("size={size_mib}m");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &size, "tmpfs", path(&point)?],
        )?;
        Ok(Self { point, image: None })
    }

    fn mount(&self) -> Result<()> {
        let image = self
            .image
            .as_deref()
            .context("only an image can be mounted again")?;
        run("mount", &["-o", "loop", path(image)?, path(&self.point)?])
    }

    /// Where it is mounted.
    #[must_use]
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// Cuts the power: nothing that was not synced survives. The file system is mounted again after
    /// it. Every process that used it must have ended.
    ///
    /// # Errors
    /// If the file system cannot be shut down or mounted again.
    pub fn remount_after_power_cut(&self) -> Result<()> {
        run("umount", &[path(&self.point)?])?;
        self.mount()
    }

    /// Stops all input and output of the file system at once, as a power cut does.
    ///
    /// # Errors
    /// If `xfs_io` is missing or refuses.
    pub fn cut_power(&self) -> Result<()> {
        run("xfs_io", &["-x", "-c", "shutdown", path(&self.point)?])
    }

    /// Gives a file system in memory another size.
    ///
    /// # Errors
    /// If it is none.
    pub fn resize(&self, size_mib: u64) -> Result<()> {
        run(
            "mount",
            &[
                "-o",
                &format!("remount,size={size_mib}m"),
                path(&self.point)?,
            ],
        )
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Ok(point) = path(&self.point) {
            // The directory above is removed next; a mount that stays is seen there.
            let _ = run("umount", &["-l", point]);
        }
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str()
        .context("the path of a temporary directory is not UTF-8")
}

/// Why power cuts cannot be made here; none if they can.
#[must_use]
pub fn power_cut_obstacle() -> Option<String> {
    mount_obstacle().or_else(|| {
        ["mkfs.ext4", "xfs_io", "losetup"]
            .into_iter()
            .find(|program| !exists(program))
            .map(|program| format!("{program} is missing (install e2fsprogs and xfsprogs)"))
    })
}

/// Why nothing can be mounted here; none if it can.
#[must_use]
pub fn mount_obstacle() -> Option<String> {
    let is_root = run("sh", &["-c", "test \"$(id -u)\" = 0"]).is_ok();
    if !is_root {
        return Some("it needs root".to_owned());
    }
    let probe = tempfile::tempdir().ok()?;
    Mounted::tmpfs(probe.path(), 1)
        .err()
        .map(|error| format!("{error:#}"))
}

fn exists(program: &str) -> bool {
    run("sh", &["-c", &format!("command -v {program}")]).is_ok()
}

/// Flips one bit of a file.
///
/// # Errors
/// If the file cannot be changed or is too short.
pub fn flip_bit(file: &Path, offset: u64, bit: u8) -> Result<()> {
    let mut bytes = std::fs::read(file)?;
    let Some(byte) = usize::try_from(offset)
        .ok()
        .and_then(|at| bytes.get_mut(at))
    else {
        bail!("{} is shorter than {offset}", file.display());
    };
    *byte ^= 1 << (bit % 8);
    std::fs::write(file, bytes)?;
    Ok(())
}
