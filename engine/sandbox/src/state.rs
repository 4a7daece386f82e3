//! The data of one attempt's store: a field a capability, and the borrows that each capability works on. Not here: what
//! any of them does.

use airtight_model::Use;
use airtight_model::grant::Grants;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

use crate::cap::artifact::ArtifactView;
use crate::cap::clock::{ClockCtx, ClockView};
use crate::cap::fs::{self, FsCtx, FsView};
use crate::cap::http::{HttpCtx, HttpView};
use crate::cap::log::LogView;
use crate::cap::net::NetView;
use crate::cap::net::streams::Sending;
use crate::cap::poll::{PollCtx, PollView};
use crate::cap::progress::{ProgressCtx, ProgressView};
use crate::cap::random::{RandomCtx, RandomView};
use crate::cap::report::ReportView;
use crate::cap::secret::SecretView;
use crate::cap::{Denials, Outside};
use crate::limits::Limiter;
use crate::output::Said;

/// What a store holds.
pub(crate) struct State {
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    pub(crate) wasi: WasiCtx,
    pub(crate) fs: FsCtx,
    pub(crate) clock: ClockCtx,
    pub(crate) poll: PollCtx,
    pub(crate) random: RandomCtx,
    pub(crate) http: HttpCtx,
    pub(crate) progress: ProgressCtx,
    pub(crate) denials: Denials,
    pub(crate) said: Said,
    pub(crate) outside: Outside,
    pub(crate) sending: Sending,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl State {
    /// Adds the uses of grants that are not the session's to see.
    pub(crate) fn own_uses(&self, grants: &Grants, uses: &mut Vec<Use>) {
        let mut add = |capability: &str, request: &str, count| {
            if count > 0 {
                uses.push(Use {
                    capability: capability.to_owned(),
                    request: request.to_owned(),
                    grant: format!("{capability}: real"),
                    count,
                    sent: 0,
                    received: 0,
                });
            }
        };
        add("clock", "the real time", self.clock.real_readings());
        if grants.random {
            add(
                "random",
                "the operating system's randomness",
                u64::from(self.random.was_drawn()),
            );
        }
    }

    pub(crate) fn link_fs(linker: &mut Linker<Self>) -> wasmtime::Result<()> {
        fs::link(linker, Self::fs)
    }

    pub(crate) fn fs(&mut self) -> FsView<'_> {
        FsView {
            ctx: &mut self.fs,
            table: &mut self.table,
        }
    }

    pub(crate) fn clock(&mut self) -> ClockView<'_> {
        ClockView {
            ctx: &mut self.clock,
            table: &mut self.table,
        }
    }

    pub(crate) fn poll(&mut self) -> PollView<'_> {
        PollView {
            ctx: &mut self.poll,
            clock: &mut self.clock,
            table: &mut self.table,
        }
    }

    pub(crate) fn random(&mut self) -> RandomView<'_> {
        RandomView { ctx: &mut self.random }
    }

    pub(crate) fn net(&mut self) -> NetView<'_> {
        NetView {
            outside: &self.outside,
            denials: &mut self.denials,
            sending: &mut self.sending,
            table: &mut self.table,
        }
    }

    pub(crate) fn http(&mut self) -> HttpView<'_> {
        HttpView {
            ctx: &mut self.http,
            outside: &self.outside,
            denials: &mut self.denials,
            table: &mut self.table,
        }
    }

    pub(crate) fn http_types(&mut self) -> WasiHttpCtxView<'_> {
        self.http.types(&mut self.table)
    }

    pub(crate) fn log(&mut self) -> LogView<'_> {
        LogView { ctx: &self.said }
    }

    pub(crate) fn progress(&mut self) -> ProgressView<'_> {
        ProgressView {
            ctx: &mut self.progress,
            said: &self.said,
        }
    }

    pub(crate) fn report(&mut self) -> ReportView<'_> {
        ReportView { ctx: &self.said }
    }

    pub(crate) fn secret(&mut self) -> SecretView<'_> {
        SecretView {
            outside: &self.outside,
            table: &mut self.table,
        }
    }

    pub(crate) fn artifact(&mut self) -> ArtifactView<'_> {
        ArtifactView { fs: &mut self.fs }
    }
}
