use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Environment, Origin, ReleaseError, present, resolve_in};

/// A shell script that reports itself as etcd.
fn pretend(path: &Path, version: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\necho etcd Version: {version}\necho Git SHA: abc\necho Go Version: go1.2\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// An environment in which nothing can be downloaded: nothing listens on port 1.
fn environment(root: &Path) -> Environment {
    let path = root.join("bin").into_os_string();
    Environment { etcd: None, path, cache: root.join("cache"), base_url: "http://127.0.0.1:1".to_owned() }
}

fn cached(root: &Path, version: &str) -> PathBuf {
    let path = root.join("cache/etcd").join(version).join("etcd");
    pretend(&path, version);
    path
}

#[test]
fn the_newest_good_one_is_the_default_and_never_a_bad_one() {
    let root = tempfile::tempdir().unwrap();
    cached(root.path(), "3.4.23");
    cached(root.path(), "3.5.1");
    let environment = environment(root.path());
    assert_eq!(resolve_in(&environment, None).unwrap().version.to_string(), "3.4.23");
    pretend(&root.path().join("bin/etcd"), "3.5.16");
    assert_eq!(resolve_in(&environment, None).unwrap().version.to_string(), "3.5.16");
}

#[test]
fn the_environment_names_any_build() {
    let root = tempfile::tempdir().unwrap();
    cached(root.path(), "3.5.30");
    let named = root.path().join("mine");
    pretend(&named, "3.5.2");
    let environment = Environment { etcd: Some(named.clone()), ..environment(root.path()) };
    let binary = resolve_in(&environment, None).unwrap();
    assert_eq!((binary.path, binary.known_bad.is_some()), (named, true));
}

#[test]
fn a_version_is_that_version_and_a_path_is_that_file() {
    let root = tempfile::tempdir().unwrap();
    let bad = cached(root.path(), "3.5.1");
    let environment = environment(root.path());
    let binary = resolve_in(&environment, Some("3.5.1")).unwrap();
    assert_eq!((binary.git_sha.as_str(), binary.go_version.as_str(), binary.known_bad.is_some()), ("abc", "go1.2", true));
    assert_eq!(resolve_in(&environment, bad.to_str()).unwrap().path, bad);
}

#[test]
fn a_missing_etcd_is_reported() {
    let root = tempfile::tempdir().unwrap();
    let environment = environment(root.path());
    assert!(matches!(resolve_in(&environment, Some("banana")), Err(ReleaseError::Malformed(_))));
    assert!(matches!(resolve_in(&environment, Some("/no/such/etcd")), Err(ReleaseError::NoFile { .. })));
    assert!(matches!(resolve_in(&environment, Some("/bin/true")), Err(ReleaseError::NotEtcd { .. })));
    let error = resolve_in(&environment, Some("9.9.9")).unwrap_err().to_string();
    assert!(error.contains("cache/etcd/9.9.9/etcd") && error.contains("http://127.0.0.1:1"), "{error}");
}

#[test]
fn each_file_is_found_once_and_broken_ones_are_passed_over() {
    let root = tempfile::tempdir().unwrap();
    cached(root.path(), "3.5.30");
    let broken = root.path().join("cache/etcd/3.5.29/etcd");
    std::fs::create_dir_all(broken.parent().unwrap()).unwrap();
    std::fs::write(&broken, "not a program").unwrap();
    let environment = environment(root.path());
    let found = present(&environment);
    assert_eq!(
        found.iter().map(|(source, binary)| (*source, binary.version.to_string())).collect::<Vec<_>>(),
        [(Origin::Cache, "3.5.30".to_owned())]
    );
}

#[test]
fn an_etcd_that_does_not_start_ends_the_search_with_the_reason() {
    let root = tempfile::tempdir().unwrap();
    let path = cached(root.path(), "3.5.30");
    for (content, mode, reason) in [
        ("#!/no/such/loader\n", 0o755, "loader that it names does not exist"),
        ("#!/bin/sh\necho too many open files >&2; exit 1\n", 0o755, "too many open files"),
        ("#!/bin/sh\n", 0o644, "Permission denied"),
    ] {
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for request in [Some("3.5.30"), Some("latest"), None] {
            let error = resolve_in(&environment(root.path()), request).unwrap_err();
            assert!(matches!(&error, ReleaseError::NotEtcd { path: named, .. } if *named == path), "{request:?}: {error}");
            assert!(error.to_string().contains(reason), "{request:?}: {error}");
        }
    }
}

#[test]
fn another_version_than_the_wanted_one_does_not_enter_the_cache() {
    let root = tempfile::tempdir().unwrap();
    let environment = environment(root.path());
    let downloaded = root.path().join("cache/etcd/.download");
    pretend(&downloaded, "3.5.16");
    let error = super::cache::put(&environment, &downloaded, Some(&super::Version::new(3, 5, 30))).unwrap_err();
    assert!(matches!(error, ReleaseError::OtherVersion { .. }), "{error}");
    assert_eq!(super::cache::versions(&environment), []);
    pretend(&downloaded, "3.5.1");
    assert!(super::cache::put(&environment, &downloaded, None).is_err(), "a known-bad version is none to use by default");
    pretend(&downloaded, "3.5.16");
    super::cache::put(&environment, &downloaded, Some(&super::Version::new(3, 5, 16))).unwrap();
    assert_eq!(super::cache::versions(&environment).len(), 1);
}
