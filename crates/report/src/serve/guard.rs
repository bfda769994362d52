//! Who may read the pages.

use std::io;
use std::net::{IpAddr, SocketAddr};

use super::request::Request;
use super::response::Response;

/// What a request must have so that it is answered.
#[derive(Debug)]
pub(super) struct Guard {
    token: Option<String>,
    /// The token's cookie. Cookies know no ports, and two servers may run on one host.
    cookie: String,
}

/// The guard's decision.
pub(super) enum Decision {
    Allow,
    /// The response instead of an answer.
    Answer(Response),
}

impl Guard {
    pub(super) fn new(address: SocketAddr, with_token: bool) -> io::Result<Self> {
        let token = if with_token { Some(random_token()?) } else { None };
        Ok(Self { token, cookie: format!("gansweep-{}", address.port()) })
    }

    /// The address to open. Where the server listens on all interfaces, that of this machine.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        let host = match address.ip() {
            ip if ip.is_unspecified() => gansweep_base::host::name(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let query = self.token.as_ref().map_or(String::new(), |token| format!("?token={token}"));
        format!("http://{host}:{}/{query}", address.port())
    }

    /// Without a token, the request must name the loopback interface: a page of another site, whose DNS name now points here,
    /// names that site. With a token, only the holder's browser has it, whatever the name.
    pub(super) fn decide(&self, request: &Request) -> Decision {
        let Some(token) = &self.token else {
            return match request.host.as_deref() {
                Some(host) if is_loopback(host) => Decision::Allow,
                _ => Decision::Answer(Response::text(
                    403,
                    "this server answers to localhost, 127.0.0.1 and [::1] only",
                )),
            };
        };
        let given = request.query.split('&').find_map(|pair| pair.strip_prefix("token="));
        if given.is_some_and(|given| same(given, token)) {
            // Lax, so that the redirect of a link on another site has it, of a mail for instance: the server only reads.
            let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax", self.cookie);
            // The token leaves the address, so that nobody copies it with the page's.
            return Decision::Answer(Response::redirect("/").with("Set-Cookie", cookie));
        }
        let mut cookies = request.cookie.split(';').filter_map(|pair| pair.trim().split_once('='));
        match cookies.any(|(name, value)| name == self.cookie && same(value, token)) {
            true => Decision::Allow,
            false => Decision::Answer(Response::text(
                403,
                "this server needs its token: open the address that `gansweep serve` printed",
            )),
        }
    }
}

/// Whether a `Host` header names the loopback interface, with any port: a tunnel may have another.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Compares in a time that does not depend on where the texts differ.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

fn random_token() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(guard: &Guard, host: &str, query: &str, cookie: &str) -> u16 {
        let request = Request {
            method: "GET".to_owned(),
            path: Vec::new(),
            query: query.to_owned(),
            host: (!host.is_empty()).then(|| host.to_owned()),
            cookie: cookie.to_owned(),
            if_none_match: None,
            keep_alive: true,
        };
        match guard.decide(&request) {
            Decision::Allow => 200,
            Decision::Answer(response) => response.status,
        }
    }

    #[test]
    fn a_loopback_server_answers_only_to_names_of_the_loopback_interface() {
        let guard = Guard::new("127.0.0.1:80".parse().unwrap(), false).unwrap();
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:80", "[::1]"] {
            assert_eq!(status(&guard, host, "", ""), 200, "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:80",
            "localhost.evil.example",
            "192.168.0.1",
            "::1:x",
            "0.0.0.0",
        ] {
            assert_eq!(status(&guard, host, "", ""), 403, "{host}");
        }
    }

    #[test]
    fn a_token_opens_the_server_once_and_a_cookie_from_then_on() {
        let address: SocketAddr = "0.0.0.0:80".parse().unwrap();
        let guard = Guard::new(address, true).unwrap();
        let token = guard.token.clone().unwrap();
        assert_eq!(token.len(), 32);
        assert!(guard.url(address).ends_with(&format!(":80/?token={token}")));
        assert_eq!(status(&guard, "localhost", "", ""), 403);
        assert_eq!(status(&guard, "localhost", "token=0123", ""), 403);
        assert_eq!(status(&guard, "any.example", &format!("a=1&token={token}"), ""), 303);
        assert_eq!(status(&guard, "any.example", "", &format!("other=1; gansweep-80={token}")), 200);
        assert_eq!(status(&guard, "any.example", "", &format!("gansweep-81={token}")), 403);
        let another = Guard::new(address, true).unwrap();
        assert_ne!(another.token, guard.token);
    }
}
