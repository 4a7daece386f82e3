//! Cycles: steps that wait for each other can never run. Every strongly connected part is reported once, with a way
//! around it. Not here: what the edges are for.

use std::collections::VecDeque;

use airtight_model::{Diagnostic, Span};

use super::{Check, Edges};
use crate::codes;

/// Reports each cycle. Stages are edges too: a step of an earlier stage cannot wait for one of a later stage.
pub(super) fn check(check: &Check<'_>, edges: &Edges) {
    for (step, out) in check.steps.iter().zip(edges) {
        for (to, span) in out {
            let later = &check.steps[*to];
            if let (Some(rank), Some(other)) = (step.rank, later.rank)
                && other > rank
            {
                let stage = |step: &super::CheckedStep| {
                    step.decl
                        .stage
                        .as_ref()
                        .map_or(String::new(), |stage| stage.text.clone())
                };
                let message = format!(
                    "the step `{}` of the stage `{}` waits for `{}` of the later stage `{}`",
                    step.decl.name.text,
                    stage(step),
                    later.decl.name.text,
                    stage(later)
                );
                let diagnostic = Diagnostic::error(codes::CYCLE, *span, message);
                check.report(diagnostic.help("move one of them to another stage"));
            }
        }
    }
    for part in components(edges) {
        let Some(way) = way_around(edges, &part) else {
            continue;
        };
        let name = |step: usize| check.steps[step].decl.name.text.as_str();
        let names: Vec<String> = way.iter().map(|(step, _)| format!("`{}`", name(*step))).collect();
        let (first, span) = way[0];
        let message = format!("steps wait for each other: {} → `{}`", names.join(" → "), name(first));
        let mut diagnostic = Diagnostic::error(codes::CYCLE, span, message);
        for (step, span) in &way[1..] {
            diagnostic = diagnostic.label(*span, format!("`{}` waits here", name(*step)));
        }
        check.report(diagnostic.help("remove one of these edges"));
    }
}

/// The shortest way from the first step of a part back to it: each step with the place of its edge to the next.
fn way_around(edges: &Edges, part: &[usize]) -> Option<Vec<(usize, Span)>> {
    let start = *part.iter().min()?;
    let mut before: Vec<Option<(usize, Span)>> = vec![None; edges.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(step) = queue.pop_front() {
        for (to, span) in &edges[step] {
            if *to == start {
                let mut way = vec![(step, *span)];
                let mut at = step;
                while at != start {
                    let (previous, span) = before[at]?;
                    way.push((previous, span));
                    at = previous;
                }
                way.reverse();
                return Some(way);
            }
            if before[*to].is_none() {
                before[*to] = Some((step, *span));
                queue.push_back(*to);
            }
        }
    }
    None
}

/// The strongly connected parts that have a cycle (Tarjan, without recursion).
fn components(edges: &Edges) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut order = vec![UNSEEN; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut on_stack = vec![false; edges.len()];
    let (mut stack, mut parts, mut next) = (Vec::new(), Vec::new(), 0);
    for root in 0..edges.len() {
        if order[root] != UNSEEN {
            continue;
        }
        let mut calls = vec![(root, 0)];
        while let Some((step, edge)) = calls.pop() {
            if edge == 0 {
                order[step] = next;
                low[step] = next;
                next += 1;
                stack.push(step);
                on_stack[step] = true;
            } else {
                let (to, _) = edges[step][edge - 1];
                low[step] = low[step].min(low[to]);
            }
            let mut entered = false;
            for (at, (to, _)) in edges[step].iter().enumerate().skip(edge) {
                if order[*to] == UNSEEN {
                    calls.push((step, at + 1));
                    calls.push((*to, 0));
                    entered = true;
                    break;
                }
                if on_stack[*to] {
                    low[step] = low[step].min(order[*to]);
                }
            }
            if entered || low[step] != order[step] {
                continue;
            }
            let mut part = Vec::new();
            while let Some(member) = stack.pop() {
                on_stack[member] = false;
                part.push(member);
                if member == step {
                    break;
                }
            }
            if part.len() > 1 || edges[step].iter().any(|(to, _)| *to == step) {
                parts.push(part);
            }
        }
    }
    parts
}
