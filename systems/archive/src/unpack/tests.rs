use serde_json::json;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

struct Folder {
    home: TempDir,
    cache: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), cache: tempfile::tempdir().unwrap() }
    }

    /// Packs entries and unpacks them again.
    fn unpack(&self, entries: &[(&str, &[u8])]) -> Result<Unpacked, ArchiveError> {
        let path = self.home.path().join("archive.mpta");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, bytes) in entries {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        unpack(&path, self.cache.path(), &ArchiveLimits::default())
    }

    #[track_caller]
    fn refuses(&self, entries: &[(&str, &[u8])], expected: &str) {
        let error = self.unpack(entries).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        let left: Vec<_> = fs::read_dir(self.cache.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

fn pipeline() -> Vec<u8> {
    json!({"pipeline": {"modelId": "a", "modelFile": "a.pt"}}).to_string().into_bytes()
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let here = Folder::new();
    let path = Path::new("/srv/models/none.mpta");
    let error = unpack(path, here.cache.path(), &ArchiveLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "there is no file /srv/models/none.mpta");
}

#[test]
fn both_layouts_are_read() {
    for folder in ["", "vehicles/"] {
        let here = Folder::new();
        let names = [format!("{folder}pipeline.json"), format!("{folder}a.pt")];
        let found = here.unpack(&[(&names[0], &pipeline()), (&names[1], b"weights")]).unwrap();
        let file = &found.files["a.pt"];
        assert_eq!(fs::read(&file.path).unwrap(), b"weights");
        assert!(file.path.starts_with(here.cache.path()));
        assert_eq!(file.sha256.len(), 64);
    }
}

#[test]
fn the_same_archive_is_unpacked_once() {
    let here = Folder::new();
    let entries: [(&str, &[u8]); 2] = [("pipeline.json", &pipeline()), ("a.pt", b"weights")];
    let first = here.unpack(&entries).unwrap();
    let before = fs::metadata(&first.files["a.pt"].path).unwrap().modified().unwrap();
    let second = here.unpack(&entries).unwrap();
    let after = fs::metadata(&second.files["a.pt"].path).unwrap().modified().unwrap();
    assert_eq!((before, &first.files["a.pt"].path), (after, &second.files["a.pt"].path));
}

#[test]
fn nothing_leaves_the_archive() {
    let here = Folder::new();
    let pipeline = pipeline();
    for name in ["../a.pt", "/a.pt", "x/../../a.pt", "c:a.pt"] {
        here.refuses(&[("pipeline.json", &pipeline), (name, b"x")], "leaves the archive");
    }
}

#[test]
fn what_grows_too_much_is_refused() {
    let here = Folder::new();
    let zeros = vec![0; 8 << 20];
    here.refuses(&[("pipeline.json", &pipeline()), ("a.pt", &zeros)], "grows more");
}

#[test]
fn what_is_no_archive_is_refused() {
    let here = Folder::new();
    here.refuses(&[("readme.txt", b"hello")], "no pipeline.json");
    let path = here.home.path().join("noise");
    fs::write(&path, [0x5a; 4_096]).unwrap();
    let error = unpack(&path, here.cache.path(), &ArchiveLimits::default()).unwrap_err();
    assert!(matches!(error, ArchiveError::Zip(_)), "{error}");
}

#[test]
fn a_link_is_refused() {
    let here = Folder::new();
    let path = here.home.path().join("archive.mpta");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    zip.add_symlink("a.pt", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap();
    let error = unpack(&path, here.cache.path(), &ArchiveLimits::default()).unwrap_err();
    assert!(error.to_string().contains("is a link"), "{error}");
}

#[test]
fn a_bare_checkpoint_is_an_archive_of_one_node() {
    let here = Folder::new();
    let found = here.unpack(&[("best/data.pkl", b"pickle")]).unwrap();
    assert_eq!(found.pipeline.nodes.len(), 1);
    assert_eq!(&*found.pipeline.nodes[0].name, "archive");
}

#[test]
fn a_large_network_has_more_entries_than_an_archive_may_have() {
    let here = Folder::new();
    let names: Vec<String> = (0..1_200).map(|tensor| format!("best/data/{tensor}")).collect();
    let tensors = names.iter().map(|name| (name.as_str(), &b"numbers"[..]));
    let entries: Vec<_> = tensors.chain([("best/data.pkl", &b"pickle"[..])]).collect();
    assert_eq!(here.unpack(&entries).unwrap().pipeline.nodes.len(), 1);

    let pipeline = pipeline();
    let archive: Vec<_> = entries.into_iter().chain([("pipeline.json", &pipeline[..])]).collect();
    here.refuses(&archive, "entries: 1202, expected at most 1000");
}
