//! The WIT of a project: `wit/*.wit` with `wit/deps`, and Airtight's own and WASI's packages, which need not be copied there. Not here:
//! what a component that was built really has (`component`).

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use airtight_model::{Diagnostic, Span};
use wit_parser::{PackageId, PackageName, Resolve, ResolveErrorKind, SourceMap, UnresolvedPackageGroup, WorldId};

use crate::embedded::WIT;
use crate::error::{Error, InFile};
use crate::files;
use crate::project::StepProject;

/// The most files of one folder of WIT.
const MAX_FILES: usize = 1_000;

/// The WIT of a project.
#[derive(Debug)]
pub(crate) struct Wit {
    /// Every package.
    pub(crate) resolve: Resolve,
    /// The project's own.
    pub(crate) package: PackageId,
    /// The step's world.
    pub(crate) world: WorldId,
    /// The folder in which everything was put together for other tools: `build/wit`.
    pub(crate) folder: PathBuf,
}

impl Wit {
    /// The name of the world.
    pub(crate) fn world_name(&self) -> &str {
        &self.resolve.worlds[self.world].name
    }

    /// The name of the world with package and version: `local:todo/step@0.1.0`.
    pub(crate) fn world_id(&self) -> String {
        self.resolve.id_of_name(self.package, self.world_name())
    }
}

/// A file of WIT.
struct Source {
    /// Its path from the project's folder, or the name of an embedded one.
    name: String,
    text: String,
}

/// Reads the WIT of a project and puts it together in `build/wit`; none if it has none.
///
/// # Errors
/// A file that cannot be read, that is wrong (with its place), or that leaves open which world is meant.
pub(crate) fn load(project: &StepProject) -> Result<Option<Wit>, Error> {
    let own = sources(&project.root, &project.root.join("wit"))?;
    if own.is_empty() {
        return Ok(None);
    }
    let main = parse(&own)?;
    let mut groups = Vec::new();
    let mut texts = own;
    for path in files::entries(&project.root.join("wit/deps"))? {
        let found = if path.is_dir() {
            sources(&project.root, &path)?
        } else if is_wit(&path) {
            vec![source(&project.root, &path)?]
        } else {
            Vec::new()
        };
        if !found.is_empty() {
            groups.push((parse(&found)?, found));
        }
    }
    embedded(&main, &mut groups)?;
    let mut resolve = Resolve::default();
    let mut kept = Vec::new();
    let (deps, dep_texts): (Vec<_>, Vec<_>) = groups.into_iter().unzip();
    for (group, found) in deps.iter().zip(dep_texts) {
        kept.push((group.main.name.clone(), found));
    }
    let pushed = resolve.push_groups(main, deps);
    let package = pushed.map_err(|error| {
        let kind = error.kind();
        let at = resolve.source_map_location(kind.span());
        texts.extend(kept.iter_mut().flat_map(|(_, found)| std::mem::take(found)));
        let message = match kind {
            ResolveErrorKind::PackageNotFound { requested, .. } => not_found(requested),
            other => other.to_string(),
        };
        wrong(&texts, at, message)
    })?;
    let world = world(project, &resolve, package)?;
    let folder = project.build_folder().join("wit");
    write(&folder, &texts, &kept, &reachable(&resolve, package))?;
    Ok(Some(Wit {
        resolve,
        package,
        world,
        folder,
    }))
}

/// Adds the embedded packages that are needed and that the project does not bring itself. The others stay out: they may not go
/// together with what the project brings.
fn embedded(
    main: &UnresolvedPackageGroup,
    groups: &mut Vec<(UnresolvedPackageGroup, Vec<Source>)>,
) -> Result<(), Error> {
    let mut open: Vec<PackageName> = needs(main);
    open.extend(groups.iter().flat_map(|(group, _)| needs(group)));
    let mut known: HashSet<PackageName> = groups.iter().map(|(group, _)| group.main.name.clone()).collect();
    let mut all = Vec::with_capacity(WIT.len());
    for (name, text) in WIT {
        let source = Source {
            name: format!("{name}.wit"),
            text: (*text).to_owned(),
        };
        all.push((parse(std::slice::from_ref(&source))?, source));
    }
    while let Some(next) = open.pop() {
        let found = all.iter().position(|(group, _)| group.main.name == next);
        if let Some(at) = found
            && known.insert(next)
        {
            let (group, source) = all.swap_remove(at);
            open.extend(needs(&group));
            groups.push((group, vec![source]));
        }
    }
    Ok(())
}

/// The packages that a group names.
fn needs(group: &UnresolvedPackageGroup) -> Vec<PackageName> {
    let packages = group.nested.iter().chain([&group.main]);
    packages
        .flat_map(|package| package.foreign_deps.keys().cloned())
        .collect()
}

/// What to say of a package that is not there: Airtight may have it in another version.
fn not_found(requested: &PackageName) -> String {
    let name = format!("{}:{}", requested.namespace, requested.name);
    let ours = WIT.iter().find_map(|(_, text)| {
        let line = text.lines().find_map(|line| line.strip_prefix("package "))?;
        line.trim_end_matches(';').strip_prefix(&name)?.strip_prefix('@')
    });
    match ours {
        Some(version) => format!(
            "the package `{requested}` is not found\nwrite `{name}/…@{version}`, which Airtight has, or put the package into `wit/deps/`"
        ),
        None => format!("the package `{requested}` is not found"),
    }
}

/// A place in a file: its name, the first byte and the byte after the last.
type Place = Option<(String, usize, usize)>;

/// Where a span of a resolve is.
trait Locate {
    fn source_map_location(&self, span: wit_parser::Span) -> Place;
}

impl Locate for Resolve {
    fn source_map_location(&self, span: wit_parser::Span) -> Place {
        place_of(&self.source_map, span)
    }
}

fn place_of(map: &SourceMap, span: wit_parser::Span) -> Place {
    let location = map.resolve_span(span)?;
    Some((location.path.to_owned(), location.range.start, location.range.end))
}

fn is_wit(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wit") && path.is_file()
}

/// The `.wit` files of one folder.
fn sources(root: &Path, folder: &Path) -> Result<Vec<Source>, Error> {
    let paths: Vec<PathBuf> = files::entries(folder)?
        .into_iter()
        .filter(|path| is_wit(path))
        .collect();
    if paths.len() > MAX_FILES {
        let message = format!("`{}` has more than {MAX_FILES} files of WIT", folder.display());
        return Err(Error::project(
            "A0006",
            message,
            "put packages into folders of `wit/deps`",
        ));
    }
    paths.iter().map(|path| source(root, path)).collect()
}

fn source(root: &Path, path: &Path) -> Result<Source, Error> {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    Ok(Source {
        name,
        text: files::text(path)?,
    })
}

/// Parses the files of one package.
fn parse(sources: &[Source]) -> Result<UnresolvedPackageGroup, Error> {
    let mut map = SourceMap::new();
    for source in sources {
        map.push_str(&source.name, source.text.as_str());
    }
    map.parse().map_err(|(map, error)| {
        let kind = error.kind();
        wrong(sources, place_of(&map, kind.span()), kind.to_string())
    })
}

/// What is wrong, in the file that it is wrong in.
fn wrong(sources: &[Source], place: Place, message: String) -> Error {
    let (name, start, end) = place.unwrap_or_default();
    let source = sources.iter().find(|source| source.name == name).or(sources.first());
    let at = |byte: usize| u32::try_from(byte).unwrap_or(u32::MAX);
    let mut lines = message.lines();
    let first = lines.next().unwrap_or_default().to_owned();
    let rest: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    let span = Span {
        file: 0,
        start: at(start),
        end: at(end.max(start)),
    };
    let help = match rest.as_slice() {
        [] if first.ends_with("is not found") => {
            "put the package into `wit/deps/NAME/`; `airtight:step` and WASI's packages come with Airtight".to_owned()
        }
        [] => "mend the WIT at that place".to_owned(),
        rest => rest.join(" "),
    };
    Error::InFile(Box::new(InFile {
        name: source.map_or(name, |source| source.name.clone()),
        text: source.map_or_else(String::new, |source| source.text.clone()),
        found: vec![Diagnostic::error("A0006", span, first).help(help)],
    }))
}

/// The world that is meant.
fn world(project: &StepProject, resolve: &Resolve, package: PackageId) -> Result<WorldId, Error> {
    let worlds = &resolve.packages[package].worlds;
    let names = || {
        worlds
            .keys()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    if let Some(wanted) = &project.file.world {
        return worlds.get(&wanted.text).copied().ok_or_else(|| {
            let message = format!("`wit/` has no world `{}`", wanted.text);
            let help = match worlds.is_empty() {
                true => format!("write `world {} {{ }}` in `wit/step.wit`", wanted.text),
                false => format!("name one that it has: {}", names()),
            };
            project.wrong("A0007", wanted.span, message, help)
        });
    }
    match worlds.values().collect::<Vec<_>>().as_slice() {
        [one] => Ok(**one),
        [] => Err(Error::project(
            "A0007",
            "`wit/` has no world",
            "write one in `wit/step.wit`: `world step { export run: func() -> result<_, string>; }`",
        )),
        _ => Err(Error::project(
            "A0007",
            format!("`wit/` has several worlds: {}", names()),
            "say in `step.yaml` which one the step has, for example `world: step`",
        )),
    }
}

/// The packages that one needs, itself included.
fn reachable(resolve: &Resolve, package: PackageId) -> HashSet<PackageName> {
    let (mut seen, mut open) = (HashSet::new(), vec![package]);
    while let Some(next) = open.pop() {
        if seen.insert(resolve.packages[next].name.clone()) {
            open.extend(resolve.package_direct_deps(next));
        }
    }
    seen
}

/// Writes all that is needed into one folder, as other tools expect it.
fn write(
    folder: &Path,
    own: &[Source],
    deps: &[(PackageName, Vec<Source>)],
    needed: &HashSet<PackageName>,
) -> Result<(), Error> {
    files::empty_folder(folder)?;
    let name_of = |source: &Source| Path::new(&source.name).file_name().unwrap_or_default().to_owned();
    for source in own {
        files::write(&folder.join(name_of(source)), source.text.as_bytes())?;
    }
    for (package, sources) in deps.iter().filter(|(package, _)| needed.contains(package)) {
        let place = folder
            .join("deps")
            .join(format!("{}-{}", package.namespace, package.name));
        for source in sources {
            files::write(&place.join(name_of(source)), source.text.as_bytes())?;
        }
    }
    Ok(())
}
