"use strict";
// Events at any threshold: the alarm policy of runtime/alarms/episodes.py and the events of
// runtime/alarms/events.py, for a page that has no Python. tests/kad/report/test_scripts.py compares both.
const Episodes = (() => {
  const BLAMED_SHARE = 0.8;

  // steps: parallel arrays of the steps that matter, in order: row, number on the time grid,
  // severity, restart (1 where no event reaches across), and channelScores, one after the other.
  // All steps at or above release * threshold, and all restarts, must be among them.
  function find(steps, policy, threshold, channels) {
    // The runtime compares in float32.
    const opening = Math.fround(threshold);
    const releasing = Math.fround(policy.release * threshold);
    const found = [];
    let open = null;
    let opened = -Infinity;
    let ended = -Infinity;
    let memory = 0;

    const remembered = (number) => memory * 2 ** -((number - opened) / policy.habituation_steps);

    function mayOpen(number, severity) {
      if (number - opened < policy.refractory_steps) return false;
      if (number - ended < policy.cool_down_steps) return false;
      if (!(policy.habituation_steps && memory)) return true;
      const level = threshold * (1 + policy.habituation_rise * remembered(number));
      return severity >= Math.fround(level);
    }

    function close() {
      if (open.last - open.first + 1 >= policy.min_duration_steps) {
        if (policy.habituation_steps) memory = 1 + (memory ? remembered(open.first) : 0);
        opened = open.first;
        ended = open.last;
        found.push(open);
      }
      open = null;
    }

    for (let i = 0; i < steps.severity.length; i += 1) {
      const severity = steps.severity[i];
      const number = steps.number[i];
      const above = severity >= opening;
      if (!above && severity < releasing && !steps.restart[i]) continue;
      const longest = policy.max_duration_steps || Infinity;
      const reached =
        open &&
        number <= open.last + policy.merge_gap_steps + 1 &&
        number < open.first + longest;
      if (open && (steps.restart[i] || !reached)) close();
      if (!open) {
        if (!(above && mayOpen(number, severity))) continue;
        open = { first: number, last: number, members: [] };
      } else if (!above && number !== open.last + 1) {
        continue;
      }
      open.last = number;
      open.members.push(i);
    }
    if (open) close();
    return found.map((episode) => describe(episode, steps, opening, channels));
  }

  function describe({ first, last, members }, steps, opening, channels) {
    let peak = members[0];
    const blame = new Float64Array(channels);
    for (const i of members) {
      if (steps.severity[i] > steps.severity[peak]) peak = i;
      if (steps.severity[i] < opening) continue;
      for (let c = 0; c < channels; c += 1) blame[c] += steps.channelScores[i * channels + c];
    }
    return {
      start: steps.row[members[0]],
      end: steps.row[members[members.length - 1]],
      peak: steps.row[peak],
      severity: steps.severity[peak],
      steps: last - first + 1,
      blamed: blamed(blame),
    };
  }

  // The channels that together have 80 % of the score, the largest share first.
  function blamed(blame) {
    const parts = Array.from(blame, (score, channel) => ({ channel, score: Math.max(score, 0) }));
    parts.sort((a, b) => b.score - a.score);
    const totals = [];
    for (const part of parts) totals.push((totals.length ? totals[totals.length - 1] : 0) + part.score);
    const whole = totals[totals.length - 1];
    const count = totals.findIndex((total) => total >= BLAMED_SHARE * whole) + 1;
    return parts.slice(0, count).map(({ channel, score }) => ({ channel, share: whole ? score / whole : 0 }));
  }

  return { find };
})();
