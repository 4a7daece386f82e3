//! A run for people: lines that stay, and on a terminal a live area of what is running. Not here: failures' details
//! (`failures`).

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use airtight_model::event::{CacheOutcome, Event, RunSummary, StepFinished, Subscriber};
use airtight_model::{Class, Denial, Outcome, Use};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Progress;
use crate::display::failures::{LastLines, Paint, log_text};
use crate::escape;
use crate::output;

/// Says where a step is in the pipeline file: `airtight.yaml:14`. Asked only for what has to be shown.
pub(crate) type Places = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How a run is shown.
pub(crate) struct TextOptions {
    pub(crate) progress: Progress,
    pub(crate) terminal: bool,
    pub(crate) color: bool,
    pub(crate) verbose: u8,
    pub(crate) raw: bool,
    /// Where each step is in the pipeline file: `airtight.yaml:14`.
    pub(crate) places: Places,
}

/// The subscriber.
pub(crate) struct Text {
    options: TextOptions,
    paint: Paint,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: LastLines,
    live: Option<Live>,
    steps: usize,
    done: usize,
    denials: BTreeMap<String, Vec<Denial>>,
    uses: BTreeMap<String, Vec<Use>>,
}

/// The live area: one line for each running step and one for the whole.
struct Live {
    area: MultiProgress,
    whole: ProgressBar,
    running: BTreeMap<String, ProgressBar>,
}

impl Live {
    fn new(steps: usize) -> Self {
        let area = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let whole = area.add(ProgressBar::new(steps as u64));
        let style = ProgressStyle::with_template("  {pos}/{len} steps, {msg}  {elapsed}");
        whole.set_style(style.expect("the template is a constant"));
        whole.enable_steady_tick(Duration::from_millis(250));
        Self {
            area,
            whole,
            running: BTreeMap::new(),
        }
    }

    fn start(&mut self, step: &str) {
        let line = self.area.insert_before(&self.whole, ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("  {spinner} {prefix}  {msg}  {elapsed}");
        line.set_style(style.expect("the template is a constant"));
        line.set_prefix(escape::line(step).into_owned());
        line.enable_steady_tick(Duration::from_millis(125));
        self.running.insert(step.to_owned(), line);
        self.waiting();
    }

    fn finish(&mut self, step: &str) {
        if let Some(line) = self.running.remove(step) {
            line.finish_and_clear();
        }
        self.waiting();
    }

    /// Says what the run waits for.
    fn waiting(&self) {
        let names: Vec<&str> = self.running.keys().map(String::as_str).collect();
        let text = match names.as_slice() {
            [] => "waiting for sources".to_owned(),
            [one] => format!("waiting for {}", escape::line(one)),
            [one, rest @ ..] => format!("waiting for {} and {} more", escape::line(one), rest.len()),
        };
        self.whole.set_message(text);
    }
}

impl Text {
    pub(crate) fn new(options: TextOptions) -> Self {
        Self {
            paint: Paint(options.color),
            options,
            state: Mutex::default(),
        }
    }

    fn say(&self, state: &State, line: &str) {
        match &state.live {
            Some(live) => live.area.suspend(|| output::note(line)),
            None => output::note(line),
        }
    }

    fn wants_live(&self) -> bool {
        self.options.terminal && self.options.progress == Progress::Auto
    }

    fn wants_lines(&self) -> bool {
        self.options.progress != Progress::None
    }

    fn guest_text<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        if self.options.raw {
            std::borrow::Cow::Borrowed(text)
        } else {
            escape::line(text)
        }
    }

    fn started(&self, state: &mut State, step: &str, reason: &str, attempt: u32) {
        let again = if attempt > 1 {
            format!(", attempt {attempt}")
        } else {
            String::new()
        };
        if self.wants_live() {
            let steps = state.steps;
            state.live.get_or_insert_with(|| Live::new(steps)).start(step);
            if self.options.verbose > 0 {
                let line = format!(
                    "{} {}{again} ({})",
                    self.paint.dim("start"),
                    escape::line(step),
                    escape::line(reason)
                );
                self.say(state, &line);
            }
        } else if self.wants_lines() {
            self.say(
                state,
                &format!("start     {}{again} ({})", escape::line(step), escape::line(reason)),
            );
        }
    }

    fn finished(&self, state: &mut State, end: &StepFinished) {
        state.done += 1;
        let done = state.done as u64;
        if let Some(live) = &mut state.live {
            live.finish(&end.step);
            live.whole.set_position(done);
        }
        let failed = !matches!(end.outcome, Outcome::Succeeded | Outcome::Skipped | Outcome::Cancelled);
        let quiet = !self.wants_lines() || (hit(end) && self.wants_live() && self.options.verbose == 0);
        if failed || !quiet {
            self.say(state, &self.finish_line(end));
        }
        for line in state.last.report(end, &self.paint) {
            self.say(state, &line);
        }
        for used in state.uses.remove(&end.step).unwrap_or_default() {
            let Use {
                capability,
                request,
                grant,
                count,
                ..
            } = used;
            let often = if count == 1 {
                "once".to_owned()
            } else {
                format!("{count} times")
            };
            let text = format!("{capability}: {request}, {often}, by {grant}");
            self.say(state, &format!("  {}: {}", self.paint.dim("used"), escape::line(&text)));
        }
        for denial in state.denials.remove(&end.step).unwrap_or_default() {
            let times = if denial.count > 1 {
                format!(" ({} times)", denial.count)
            } else {
                String::new()
            };
            let text = format!("{}: {}{times}: {}", denial.capability, denial.request, denial.rule);
            self.say(
                state,
                &format!("  {}: {}", self.paint.yellow("denied"), escape::line(&text)),
            );
            let Some(allow) = &denial.allow else { continue };
            let place = (self.options.places)(&end.step);
            let place = place.map_or(String::new(), |place| format!(" ({})", escape::line(&place)));
            let step = escape::line(&end.step);
            let help = self.paint.cyan("help");
            self.say(
                state,
                &format!("  {help}: to allow it, add under `grants:` of `{step}`{place}:"),
            );
            for line in allow.lines() {
                self.say(state, &format!("          {}", escape::line(line)));
            }
        }
    }

    fn finish_line(&self, end: &StepFinished) -> String {
        let word = match (end.outcome, end.cache) {
            (Outcome::Succeeded, CacheOutcome::Full) => self.paint.green("hit      "),
            (Outcome::Succeeded, CacheOutcome::Narrow) => self.paint.green("narrow   "),
            (Outcome::Succeeded, _) => self.paint.green("ok       "),
            (Outcome::Skipped, _) => self.paint.dim("skipped  "),
            (outcome, _) => self.paint.red(&format!("{:<9}", outcome.word())),
        };
        let mut notes = Vec::new();
        if let (Outcome::Skipped | Outcome::Cancelled, Some(cause)) = (end.outcome, &end.cause) {
            notes.push(escape::line(cause).into_owned());
        } else {
            // A hit of a run that was recognised as a whole was not looked up, and took nothing.
            notes.extend((!hit(end) || end.duration_us > 0).then(|| duration(end.duration_us)));
        }
        if let Some(code) = end.exit_code {
            notes.push(format!("exit code {code}"));
        }
        if end.class != Class::Pure || self.options.verbose > 0 {
            notes.push(end.class.word().to_owned());
        }
        if end.allow_failure && end.outcome != Outcome::Succeeded {
            notes.push("failure allowed".to_owned());
        }
        let (step, notes) = (self.paint.bold(&escape::line(&end.step)), notes.join(", "));
        if notes.is_empty() {
            return format!("{word} {step}");
        }
        format!("{word} {step} {}", self.paint.dim(&notes))
    }

    fn ended(&self, state: &mut State, summary: &RunSummary) {
        if let Some(live) = state.live.take() {
            live.whole.finish_and_clear();
            let _ = live.area.clear();
        }
        output::note(&self.summary_line(summary));
    }

    /// How many steps ran, hit fully, hit narrowly, and how long it took.
    fn summary_line(&self, summary: &RunSummary) -> String {
        let mut parts = Vec::new();
        match summary.ran {
            0 if summary.failed.is_empty() && summary.cancelled == 0 => parts.push("nothing ran".to_owned()),
            ran => parts.push(format!("{ran} ran")),
        }
        parts.push(format!("{} hit fully", summary.full));
        parts.push(format!("{} hit narrowly", summary.narrow));
        for (count, word) in [(summary.skipped, "skipped"), (summary.cancelled, "cancelled")] {
            if count > 0 {
                parts.push(format!("{count} {word}"));
            }
        }
        if !summary.failed.is_empty() {
            let names: Vec<_> = summary.failed.iter().map(|name| escape::line(name)).collect();
            parts.push(self.paint.red(&format!("{} failed: {}", names.len(), names.join(", "))));
        }
        let word = if summary.success {
            self.paint.green("done")
        } else {
            self.paint.red("failed")
        };
        let steps = if summary.steps == 1 {
            "1 step".to_owned()
        } else {
            format!("{} steps", summary.steps)
        };
        format!(
            "{word}: {steps}: {} in {}",
            parts.join(", "),
            duration(summary.duration_us)
        )
    }
}

impl Subscriber for Text {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().expect("no one panics while showing an event");
        let state = &mut *state;
        state.last.take(event);
        match event {
            Event::RunStarted { steps, .. } => state.steps = *steps,
            Event::StepStarted { step, reason, attempt } => self.started(state, step, reason, *attempt),
            Event::StepOutput { step, text, cached, .. }
                if self.wants_lines() && (!cached || self.options.verbose > 1) =>
            {
                let line = format!(
                    "{} {}",
                    self.paint.dim(&format!("{} │", escape::line(step))),
                    self.guest_text(text)
                );
                self.say(state, &line);
            }
            Event::StepLog { step, line, cached }
                if self.wants_lines()
                    && (!cached || self.options.verbose > 1)
                    && (line.level >= airtight_model::step::LogLevel::Info || self.options.verbose > 0) =>
            {
                let text = log_text(line);
                let prefix = self.paint.dim(&format!("{} │", escape::line(step)));
                self.say(state, &format!("{prefix} {}", self.guest_text(&text)));
            }
            Event::StepProgress {
                step,
                task,
                done,
                total,
            } => {
                if let Some(line) = state.live.as_ref().and_then(|live| live.running.get(step)) {
                    let of = total.map_or(String::new(), |total| format!("/{total}"));
                    line.set_message(escape::line(&format!("{task} {done}{of}")).into_owned());
                }
            }
            Event::StepUsed { step, used, .. } if self.options.verbose > 0 => {
                state.uses.entry(step.clone()).or_default().push(used.clone());
            }
            Event::StepDenied { step, denial, .. } => {
                state.denials.entry(step.clone()).or_default().push(denial.clone());
            }
            Event::StepRetried {
                step,
                outcome,
                reason,
                wait_ms,
                ..
            } => {
                if let Some(live) = &mut state.live {
                    live.finish(step);
                }
                let wait = duration(wait_ms * 1000);
                let line = format!(
                    "{} {}: {}, again in {wait}",
                    self.paint.yellow("retry    "),
                    escape::line(step),
                    escape::line(reason)
                );
                self.say(state, &format!("{line} ({})", outcome.word()));
            }
            Event::StepFinished(end) => self.finished(state, end),
            Event::Exported { to, unchanged, .. } if self.wants_lines() && (!unchanged || self.options.verbose > 0) => {
                let word = if *unchanged { "unchanged" } else { "wrote    " };
                self.say(state, &format!("{} {}", self.paint.dim(word), escape::line(to)));
            }
            Event::Warning { message, help } => {
                self.say(
                    state,
                    &format!("{}: {}", self.paint.yellow("warning"), escape::line(message)),
                );
                for line in help.iter().flat_map(|help| help.lines()) {
                    self.say(state, &format!("  {}: {}", self.paint.cyan("help"), escape::line(line)));
                }
            }
            Event::SourceStarted { source } if self.wants_live() => {
                if let Some(live) = &state.live {
                    live.whole.set_message(format!("reading {}", escape::line(source)));
                }
            }
            Event::RunFinished(summary) => self.ended(state, summary),
            _ => {}
        }
    }
}

/// Whether a step was answered by the cache.
fn hit(end: &StepFinished) -> bool {
    end.outcome == Outcome::Succeeded && matches!(end.cache, CacheOutcome::Full | CacheOutcome::Narrow)
}

/// A duration for people: `840 µs`, `12 ms`, `3.2 s`, `2 min 5 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}
