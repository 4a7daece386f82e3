//! `cargo xtask bench`: what the engine costs, beside peers that do the same work in the same run. All take turns; medians are printed
//! with the bars that the design sets. A time is never a failure here: only a case that does not work is. Not here: what the cases do
//! (`bench/*`), and any judgement about a result beyond its bar.

mod cases;
mod contest;
mod disk;
mod files;
mod guests;
mod machine;
mod memory;
mod options;
mod peers;
mod program;
mod projects;
mod runners;
mod save;
mod scale;
mod starts;
mod steps;
mod table;

use std::path::{Path, PathBuf};

use xtask::guest;

use crate::Result;
use crate::project::{Project, succeed};

use cases::{CASES, Case};
use contest::{Contest, Sample};
use machine::Machine;
use options::Options;
use peers::Peers;
use program::Airtight;
use table::{Found, Report};

/// What every case needs.
struct Bench<'a> {
    airtight: Airtight<'a>,
    peers: Peers<'a>,
    guest: PathBuf,
    folder: PathBuf,
    turns: usize,
    small: bool,
}

/// Runs the cases that are asked for and says what they found.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let cases = selected(&options)?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => release(project)?,
    };
    let report = measure(project, &binary, &options, &cases)?;
    if options.save {
        save::save(&project.root, &report)?;
    }
    if options.json {
        println!("{}", report.json());
    } else {
        print!("\n{}", report.conditions());
    }
    Ok(())
}

/// The form for CI: every case once with little to do, on the binary that is there already.
pub(crate) fn small(project: &Project) -> Result<()> {
    let options = Options::parse(&["--small".to_owned()])?;
    measure(project, &project.airtight(), &options, &selected(&options)?).map(drop)
}

fn selected(options: &Options) -> Result<Vec<&'static Case>> {
    if let Some(unknown) = options
        .cases
        .iter()
        .find(|name| CASES.iter().all(|case| case.name != **name))
    {
        let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
        return Err(format!("there is no case `{unknown}`; there are {}", names.join(", ")).into());
    }
    let wanted = |case: &&Case| {
        if options.cases.is_empty() {
            case.scale.is_none() || options.scale || options.small
        } else {
            options.cases.iter().any(|name| name == case.name)
        }
    };
    Ok(CASES.iter().filter(wanted).collect())
}

/// Builds what is released.
fn release(project: &Project) -> Result<PathBuf> {
    project.plugins()?;
    succeed(
        project
            .cargo("")
            .args(["build", "--release", "--package", "airtight-cli", "--bin", "airtight"]),
    )?;
    let name = format!("airtight{}", std::env::consts::EXE_SUFFIX);
    Ok(project.target.join("release").join(name))
}

fn measure(project: &Project, binary: &Path, options: &Options, cases: &[&Case]) -> Result<Report> {
    let folder = project.scratch("bench")?;
    let machine = Machine::look(&folder);
    let guests = guest::fixtures()?;
    let guest = guests
        .iter()
        .find(|guest| guest.name == "command" && guest.target == "wasm32-wasip2")
        .ok_or("the guest `command` is not there")?;
    let peers = Peers::new(project, !options.small);
    let bench = Bench {
        airtight: Airtight {
            project,
            binary: binary.to_owned(),
            home: folder.join("home"),
            time: peers.get("time"),
        },
        peers,
        guest: guest.wasm.clone(),
        folder,
        turns: if options.small { 1 } else { options.turns },
        small: options.small,
    };
    bench.warm()?;
    let mut found = Vec::new();
    for case in cases {
        if let Some(lack) = bench.lacks(case) {
            eprintln!("bench: {} is left out: {lack}", case.name);
            continue;
        }
        eprintln!("bench: {} …", case.name);
        let row = match (case.measure)(&bench) {
            Ok(row) => row,
            Err(error) if error.is::<starts::Absent>() => {
                eprintln!("bench: {} is left out: {error}", case.name);
                continue;
            }
            Err(error) => return Err(format!("the case `{}` is broken: {error}", case.name).into()),
        };
        let case = Found {
            name: case.name,
            work: case.work,
            row,
        };
        bench.clear()?;
        if !options.json && !options.small {
            print!("{}", case.lines());
        }
        found.push(case);
    }
    let mut versions = bench.peers.versions();
    versions.insert(0, ("airtight", peers::version(&Ok(binary.to_owned()))));
    Ok(Report {
        machine,
        versions,
        turns: bench.turns,
        small: options.small,
        cases: found,
    })
}

impl Bench<'_> {
    /// Why a case cannot run here; none if it can.
    fn lacks(&self, case: &Case) -> Option<String> {
        let gibibytes = case.scale.filter(|_| !self.small).unwrap_or(0);
        let time = self.airtight.time.as_ref().err().filter(|_| case.memory);
        time.map(|absent| format!("it needs GNU time: {absent}"))
            .or_else(|| disk::lacks(&self.folder, gibibytes << 30))
    }

    /// How much of something there is: all of it, or little in the small form.
    fn size(&self, whole: usize, small: usize) -> usize {
        if self.small { small } else { whole }
    }

    /// Begins a contest with as many turns as were asked for.
    fn contest<'a>(&self, ours: impl FnMut(usize) -> Result<Sample> + 'a) -> Contest<'a> {
        Contest::new(self.turns, !self.small, ours)
    }

    /// Lets the guest be compiled, which is done once on a machine and is in no case's time.
    fn warm(&self) -> Result<()> {
        let folder = self.folder("warm")?;
        self.one_step(&folder, "print warm")?;
        self.airtight.run(&folder, &[], 1, false).map(drop)
    }
}
