use super::*;

#[track_caller]
fn check(reach: &Reach, url: &str, expected: &str) {
    let said =
        reach.check(&Url::parse(url).unwrap()).map_or_else(|e| e.to_string(), |()| "".into());
    assert_eq!(said, expected, "{url}");
}

fn only(hosts: &[&str], networks: &[&str]) -> Reach {
    Reach {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        ..Reach::cameras()
    }
}

#[test]
fn by_default_every_host_may_be_reached_by_the_usual_schemes() {
    for url in [
        "rtsp://user:pass@camera/stream",
        "rtsps://camera.example.org:322/stream",
        "http://192.168.1.5/mjpeg",
        "https://[2001:db8::5]/mjpeg",
        "rtsp://127.0.0.1:8554/stream",
    ] {
        check(&Reach::cameras(), url, "");
    }
    check(
        &Reach::cameras(),
        "gopher://camera/",
        "scheme gopher, expected rtsp, rtsps, http or https",
    );
    check(&Reach::models(), "rtsp://camera/", "scheme rtsp, expected http or https");
}

#[test]
fn link_local_and_metadata_addresses_are_special_however_they_are_written() {
    let special = |address: &str, what: &str| {
        format!("{address} is {what}, and not among the allowed networks")
    };
    for url in [
        "http://169.254.169.254/latest/meta-data/",
        "rtsp://169.254.169.254/stream",
        "http://0xa9fea9fe/",
        "rtsp://2852039166/",
        "rtsp://0251.0376.0251.0376/",
    ] {
        check(&Reach::cameras(), url, &special("169.254.169.254", "link-local"));
    }
    check(&Reach::cameras(), "rtsp://[fe80::1]/", &special("fe80::1", "link-local"));
    let metadata = "where clouds give out credentials";
    check(&Reach::models(), "http://100.100.100.200/", &special("100.100.100.200", metadata));
    check(&Reach::models(), "http://[fd00:ec2::254]/", &special("fd00:ec2::254", metadata));
    for carried in ["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"] {
        let address: IpAddr = carried.parse().unwrap();
        let url = format!("http://[{carried}]/");
        check(&Reach::models(), &url, &special(&address.to_string(), "link-local"));
    }
}

#[test]
fn naming_a_network_allows_it_and_nothing_else() {
    let reach = only(&[], &["169.254.0.0/16", "10.0.0.0/8"]);
    check(&reach, "rtsp://169.254.7.7/", "");
    check(&reach, "rtsp://10.1.2.3/", "");
    check(&reach, "rtsp://192.168.1.5/", "192.168.1.5 is in none of the allowed networks");
    check(
        &reach,
        "rtsp://[::ffff:10.1.2.3]/",
        "::ffff:10.1.2.3 is in none of the allowed networks",
    );
}

#[test]
fn hosts_are_allowed_by_name_or_by_what_they_are_below() {
    let reach = only(&["gate.example.org", "*.cameras.local", "192.168.1.5"], &[]);
    for url in ["rtsp://Gate.Example.org/", "rtsp://a.b.cameras.local./", "http://192.168.1.5/"] {
        check(&reach, url, "");
    }
    for name in ["example.org", "cameras.local", "evilcameras.local", "192.168.1.6"] {
        let expected = format!("the host {name} is not among the allowed ones");
        check(&reach, &format!("http://{name}/"), &expected);
    }
}

#[test]
fn an_address_without_a_host_is_refused() {
    check(&Reach::cameras(), "rtsp:///stream", "no host in the address");
}

#[test]
fn a_pattern_that_is_none_is_named() {
    for text in ["", "*.", "a b", "*.*.org", "http://a/"] {
        let expected = format!("{text:?}, expected a host's name or address, or *.NAME");
        assert_eq!(text.parse::<HostPattern>(), Err(expected));
    }
    assert_eq!("*.Example.ORG.".parse::<HostPattern>().unwrap().to_string(), "*.example.org");
    assert_eq!("[::1]".parse::<HostPattern>().unwrap().to_string(), "::1");
}
