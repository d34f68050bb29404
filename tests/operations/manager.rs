//! A socket in the place of the service manager's.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::Duration;

use crate::program::text;
use crate::site::{Site, rule};

/// Far longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Manager {
        Manager::of(UnixDatagram::bind(path).unwrap())
    }

    fn of(socket: UnixDatagram) -> Manager {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    /// The next message in which a line begins with `begin`, as lines.
    fn next(&self, begin: &str) -> Vec<String> {
        let mut buffer = [0; 4096];
        loop {
            let length = self
                .0
                .recv(&mut buffer)
                .unwrap_or_else(|_| panic!("no {begin} came"));
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            let lines: Vec<String> = message.lines().map(str::to_owned).collect();
            if lines.iter().any(|line| line.starts_with(begin)) {
                return lines;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_of_every_step() {
    let site = Site::new(&rule("gold"));
    let path = site.dir.path().join("notify");
    let manager = Manager::at(&path);
    let variables = [("NOTIFY_SOCKET", &*text(&path)), ("WATCHDOG_USEC", "2000000")];
    let (mut serving, _, _) = site.start(&variables);
    assert_eq!(manager.next("READY="), ["READY=1"]);
    assert_eq!(
        manager.next("STATUS="),
        ["STATUS=ready; generation 1, 2 customers"]
    );
    for _ in 0..3 {
        assert_eq!(manager.next("WATCHDOG="), ["WATCHDOG=1"]);
    }
    // A refused configuration ends the reload as well: the manager would wait for it otherwise.
    for more in [rule("silver"), "[http\n".to_owned()] {
        site.configure(&more);
        serving.signal("-HUP");
        let reloading = manager.next("RELOADING=");
        assert_eq!(reloading[0], "RELOADING=1");
        let at: i64 = reloading[1]
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(at > 0);
        assert_eq!(manager.next("READY="), ["READY=1"]);
    }
    serving.signal("-TERM");
    assert_eq!(manager.next("STOPPING="), ["STOPPING=1", "STATUS=draining"]);
    assert!(serving.wait().success());
}

#[test]
fn a_watchdog_of_another_process_is_not_ours() {
    let site = Site::new("");
    // In the abstract namespace, as in some containers.
    let name = text(site.dir.path());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager::of(UnixDatagram::bind_addr(&address).unwrap());
    let path = format!("@{name}");
    let variables = [
        ("NOTIFY_SOCKET", &*path),
        ("WATCHDOG_USEC", "1000"),
        ("WATCHDOG_PID", "1"),
    ];
    let (mut serving, _, _) = site.start(&variables);
    manager.next("READY=");
    serving.signal("-TERM");
    let mut buffer = [0; 4096];
    loop {
        let length = manager.0.recv(&mut buffer).unwrap();
        assert!(!buffer[..length].starts_with(b"WATCHDOG"));
        if buffer[..length].starts_with(b"STOPPING") {
            break;
        }
    }
    assert!(serving.wait().success());
}
