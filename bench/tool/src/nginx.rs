//! nginx as a plain reverse proxy: the yardstick.

use crate::client::Shot;
use crate::process::Started;
use crate::target::{Place, Target, free_port, says};
use std::process::Command;
use std::sync::Arc;

const CONFIG: &str = r"worker_processes 2;
daemon off;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log warn;
@USER@
events { worker_connections 2048; }
http {
  access_log off;
  client_body_temp_path @DIR@/body;
  proxy_temp_path @DIR@/proxy;
  fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi;
  scgi_temp_path @DIR@/scgi;
  client_body_buffer_size 64k;
  keepalive_requests 1000000000;
  upstream model { server @UPSTREAM@; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:@PORT@ backlog=1024;
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
    }
  }
}
";

/// Starts it.
pub(crate) fn start(place: &Place<'_>) -> anyhow::Result<Target> {
    let dir = place.folder.join("nginx");
    std::fs::create_dir_all(&dir)?;
    let port = free_port()?;
    // Workers of a root master would run as another user, who cannot reach the folder.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let config = CONFIG
        .replace("@DIR@", &dir.to_string_lossy())
        .replace("@UPSTREAM@", &place.upstream.to_string())
        .replace("@PORT@", &port.to_string())
        .replace("@USER@", user);
    let file = dir.join("nginx.conf");
    std::fs::write(&file, &config)?;
    let binary = if std::path::Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(binary);
    command.arg("-p").arg(&dir).arg("-c").arg(&file).arg("-e").arg(dir.join("error.log"));
    let process = Started::new("nginx", &mut command, &dir.join("log"))?;
    Ok(Target {
        name: "nginx".to_owned(),
        shot: Arc::new(Shot::new(([127, 0, 0, 1], port).into(), &[])?),
        process: Some(process),
        what: "plain reverse proxy, 2 workers, kept connections, no access log".to_owned(),
        version: says(Command::new(binary).arg("-v")),
        config,
        guarded: None,
    })
}
