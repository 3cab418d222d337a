//! HTTP and HTTPS against nginx.
use crate::{
    servers::{Server, free_port, start, tls, trusting},
    world::{Names, alias, allow, bindings, bindings_in, invoke, patiently, read, thing, write},
};
use pervade_gateway::{Bindings, FailureCode, Thing};
use std::{fs, path::Path};

const HOST: &str = "service.example";

/// Starts nginx in a folder, with these directives for its server.
fn nginx(folder: &Path, directives: &str) -> Server {
    let root = folder.display();
    let config = format!(
        "daemon off; master_process off; error_log stderr; pid {root}/pid; events {{}}
         http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
                uwsgi_temp_path {root}/u; scgi_temp_path {root}/s; server {{ root {root}; {directives} }} }}"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, config).unwrap();
    start("/usr/sbin/nginx", &["-c", &file.display().to_string(), "-p", &root.to_string()], &[])
}

fn gateway(port: u16) -> Bindings {
    bindings(&(alias(HOST, "127.0.0.1") + &allow("http", HOST, port)), Names::none())
}

fn at(scheme: &str, port: u16, path: &str, members: &str) -> Thing {
    thing(&format!("{scheme}://{HOST}:{port}/{path}"), members)
}

#[tokio::test]
async fn a_property_is_served_a_command_refused_and_a_redirect_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(folder.path().join("cost.json"), r#"{"price": 42}"#).unwrap();
    fs::write(folder.path().join("limit"), vec![b'a'; 256 * 1024]).unwrap();
    fs::write(folder.path().join("large"), vec![b'a'; 256 * 1024 + 1]).unwrap();
    let _nginx = nginx(
        folder.path(),
        &format!(
            "listen 127.0.0.1:{port}; location /moved {{ return 302 /cost.json; }} location /busy {{ return 503; }}
             location /taken {{ return 201; }}"
        ),
    );
    let gateway = gateway(port);
    let answer = patiently(|| async { read(&gateway, &at("http", port, "cost.json", "")).await }).await.unwrap();
    assert_eq!(answer.body[..], *br#"{"price": 42}"#);
    assert_eq!(answer.content_type.as_deref(), Some("text/plain"), "nginx's default");
    assert_eq!(read(&gateway, &at("http", port, "limit", "")).await.unwrap().body.len(), 256 * 1024);
    for (path, code) in [
        ("missing", FailureCode::RefusedByThing),
        ("moved", FailureCode::RefusedByThing),
        ("busy", FailureCode::Unreachable),
        ("large", FailureCode::TooLarge),
    ] {
        assert_eq!(read(&gateway, &at("http", port, path, "")).await.unwrap_err().code, code, "{path}");
    }
    let refused = invoke(&gateway, &at("http", port, "cost.json", ""), r#"{"data": 1}"#).await.unwrap_err();
    assert_eq!(refused.code, FailureCode::RefusedByThing, "405 Not Allowed");
    write(&gateway, &at("http", port, "taken", ""), "{}").await.unwrap();
    invoke(&gateway, &at("http", port, "taken", ""), "{}").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_restarted_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(folder.path().join("t"), "21.5").unwrap();
    let gateway = gateway(port);
    let thing = at("http", port, "t", "");
    for _ in 0..2 {
        let server = nginx(folder.path(), &format!("listen 127.0.0.1:{port};"));
        let answer = patiently(|| async { read(&gateway, &thing).await }).await.unwrap();
        assert_eq!(answer.body[..], *b"21.5");
        server.kill();
        assert_eq!(read(&gateway, &thing).await.unwrap_err().code, FailureCode::Unreachable);
    }
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_right_ones_taken() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(folder.path().join("t"), "21.5").unwrap();
    // nginx takes passwords as they are behind {PLAIN}.
    fs::write(folder.path().join("users"), "pervade:{PLAIN}s3cret\n").unwrap();
    let users = folder.path().join("users").display().to_string();
    let _nginx =
        nginx(folder.path(), &format!("listen 127.0.0.1:{port}; auth_basic plant; auth_basic_user_file {users};"));
    let thing = at("http", port, "t", r#", "security": "basic""#);
    for (password, expected) in [("s3cret", None), ("guess", Some(FailureCode::RefusedByThing))] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), password).unwrap();
        let config = alias(HOST, "127.0.0.1")
            + &allow("http", HOST, port)
            + &format!("[[credential]]\nhost = '{HOST}'\nkind = 'basic'\nuser = 'pervade'\nsecret = 'password'\n");
        let gateway = bindings_in(folder.path(), &config, Names::none());
        let result = patiently(|| async { read(&gateway, &thing).await }).await;
        assert_eq!(result.err().map(|failure| failure.code), expected, "{password}");
    }
}

#[tokio::test]
async fn certificates_are_checked_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(folder.path().join("t"), "21.5").unwrap();
    let _nginx = nginx(
        folder.path(),
        &format!(
            "listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; ssl_client_certificate {};
             ssl_verify_client on;",
            tls("server.pem").display(),
            tls("server.key").display(),
            tls("ca.pem").display()
        ),
    );
    let reach = |host: &str, config: String| {
        let config = config + &alias(host, "127.0.0.1") + &allow("https", host, port);
        let gateway = bindings(&config, Names::none());
        let thing = thing(&format!("https://{host}:{port}/t"), "");
        async move { patiently_tls(&gateway, &thing).await }
    };
    assert_eq!(reach(HOST, trusting(HOST, Some("client"))).await, Ok(()));
    // nginx lets a client without a certificate, or with a stranger's, speak, and answers 400.
    assert_eq!(reach(HOST, trusting(HOST, None)).await, Err(FailureCode::RefusedByThing));
    assert_eq!(reach(HOST, trusting(HOST, Some("stranger"))).await, Err(FailureCode::RefusedByThing));
    // The server's certificate is of nobody that is trusted, or for another name.
    assert_eq!(reach(HOST, String::new()).await, Err(FailureCode::Unreachable));
    assert_eq!(reach("other.example", trusting("other.example", Some("client"))).await, Err(FailureCode::Unreachable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_certificate_has_expired_is_not_spoken_to_and_the_reason_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    fs::write(folder.path().join("t"), "21.5").unwrap();
    let (certificate, key) = (tls("expired.pem"), tls("expired.key"));
    let (certificate, key) = (certificate.display(), key.display());
    let server = format!("listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};");
    let _nginx = nginx(folder.path(), &server);
    let trusted = format!("ca = ['{}']\n", tls("expired-ca.pem").display());
    let gateway = bindings(&(trusted + &alias(HOST, "127.0.0.1") + &allow("https", HOST, port)), Names::none());
    let thing = thing(&format!("https://{HOST}:{port}/t"), "");
    let refused = patiently(|| async {
        match read(&gateway, &thing).await {
            Err(failure) if failure.reason.contains("certificate") => Ok(failure),
            Err(failure) => Err(failure),
            Ok(_) => panic!("it was spoken to"),
        }
    });
    let failure = refused.await.unwrap();
    assert_eq!(failure.code, FailureCode::Unreachable);
    assert!(failure.reason.contains("expired"), "{failure}");
}

/// A server whose certificate is refused is there already.
async fn patiently_tls(gateway: &Bindings, thing: &Thing) -> Result<(), FailureCode> {
    let answer = patiently(|| async {
        match read(gateway, thing).await {
            Err(failure) if failure.reason.contains("certificate") => Ok(Err(failure.code)),
            other => other.map(|_| Ok(())),
        }
    });
    match answer.await {
        Ok(result) => result,
        Err(failure) => Err(failure.code),
    }
}
