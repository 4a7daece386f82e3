//! Names to addresses: by the system's servers and hosts file or by servers that were given, once a session. What a name
//! was found to be stays so until the session ends. Not here: which addresses are allowed.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use airtight_model::grant::Host;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Hosts, TokioResolver, system_conf};
use tokio::sync::OnceCell;

use crate::bounds::Bounds;
use crate::error::EgressError;

/// Addresses of one name that are tried at most.
const MOST: usize = 32;

/// What the system says of names, read once a process.
#[derive(Debug, Default)]
pub(crate) struct System(OnceLock<Result<Settings, String>>);

#[derive(Debug, Clone)]
struct Settings {
    config: ResolverConfig,
    options: ResolverOpts,
    hosts: Arc<Hosts>,
}

impl System {
    /// Reads what there is to read, so that it need not be read later.
    pub(crate) fn load(&self, servers: &[SocketAddr]) {
        let _ = self.settings(servers);
    }

    fn settings(&self, servers: &[SocketAddr]) -> &Result<Settings, String> {
        self.0.get_or_init(|| {
            let hosts = if servers.is_empty() {
                Hosts::from_system().unwrap_or_default()
            } else {
                Hosts::default()
            };
            let (config, mut options) = if servers.is_empty() {
                // A machine without a configuration knows the names of its hosts file.
                system_conf::read_system_conf().unwrap_or_else(|error| {
                    tracing::debug!(%error, "no configuration of the resolver");
                    (
                        ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
                        ResolverOpts::default(),
                    )
                })
            } else {
                (given(servers), ResolverOpts::default())
            };
            options.use_hosts_file = ResolveHosts::Never;
            options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
            options.case_randomization = false;
            options.try_tcp_on_error = true;
            if !servers.is_empty() {
                options.timeout = Duration::from_secs(2);
            }
            Ok(Settings {
                config,
                options,
                hosts: Arc::new(hosts),
            })
        })
    }
}

fn given(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |address: &SocketAddr| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = address.port();
        }
        NameServerConfig::new(address.ip(), true, connections)
    };
    ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect())
}

type Pin = Arc<OnceCell<Arc<[IpAddr]>>>;

/// The names of a session.
#[derive(Default)]
pub(crate) struct Names {
    resolver: OnceCell<TokioResolver>,
    /// As many as were granted and asked for: a lookup that is too much strikes a bound.
    pinned: Mutex<HashMap<String, Pin>>,
}

impl Names {
    fn pinned(&self) -> MutexGuard<'_, HashMap<String, Pin>> {
        // A map of what was found is sound after any panic.
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of a host, in a stable order.
    ///
    /// # Errors
    /// There are none, or nobody said, or too many names were looked up.
    pub(crate) async fn addresses(
        &self,
        system: &System,
        servers: &[SocketAddr],
        bounds: &Bounds,
        host: &Host,
    ) -> Result<Arc<[IpAddr]>, EgressError> {
        let name = match host {
            Host::Address(address) => return Ok(Arc::new([*address])),
            Host::Name(name) => name,
        };
        bounds.check()?;
        let pin = self.pinned().entry(name.clone()).or_default().clone();
        let found = pin
            .get_or_try_init(async || {
                // What fails is not pinned: who asks again is counted again.
                bounds.lookup()?;
                let resolver = self
                    .resolver
                    .get_or_try_init(|| resolver(system, servers, name))
                    .await?;
                ask(resolver, name).await
            })
            .await?;
        Ok(found.clone())
    }

    /// Whether nobody asked for a name yet.
    pub(crate) fn is_new(&self, host: &Host) -> bool {
        matches!(host, Host::Name(name) if !self.pinned().contains_key(name))
    }

    /// The names that were found to be at an address, ascending.
    pub(crate) fn at(&self, address: IpAddr) -> Vec<Host> {
        let here = |pin: &Pin| pin.get().is_some_and(|addresses| addresses.contains(&address));
        let mut names: Vec<String> = self
            .pinned()
            .iter()
            .filter(|(_, pin)| here(pin))
            .map(|(name, _)| name.clone())
            .collect();
        names.sort_unstable();
        names.into_iter().map(Host::Name).collect()
    }
}

async fn resolver(system: &System, servers: &[SocketAddr], name: &str) -> Result<TokioResolver, EgressError> {
    let failed = |cause: String| EgressError::Lookup {
        name: name.to_owned(),
        cause,
    };
    let settings = system.settings(servers).clone().map_err(failed)?;
    let provider = TokioRuntimeProvider::default();
    let mut resolver = TokioResolver::builder_with_config(settings.config, provider)
        .with_options(settings.options)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    resolver.set_hosts(settings.hosts);
    Ok(resolver)
}

async fn ask(resolver: &TokioResolver, name: &str) -> Result<Arc<[IpAddr]>, EgressError> {
    // A name with a dot is a whole name: search lists would make another one of it.
    let whole = if name.contains('.') {
        format!("{name}.")
    } else {
        name.to_owned()
    };
    let answer = match resolver.lookup_ip(whole).await {
        Ok(answer) => answer,
        Err(error) if error.is_no_records_found() => return Err(EgressError::NoAddress(name.to_owned())),
        Err(error) => {
            return Err(EgressError::Lookup {
                name: name.to_owned(),
                cause: crate::record::shown(&error.to_string()),
            });
        }
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in answer.iter().map(|address| address.to_canonical()) {
        if addresses.len() < MOST && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(EgressError::NoAddress(name.to_owned()));
    }
    Ok(addresses.into())
}
