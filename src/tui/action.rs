//! Everything that a key can do, declared once: name, keys, where it works, what the footer and the `?` page say.
//!
//! The keymap, the footer and the help page are made of [`TABLE`]. An action that is not in it can't be pressed.

use self::Context::{
    Build, Catalog, Confirm, Deciding, Message, Palette, Prompt, Queue, Register, Review,
};

/// What the keys belong to at a moment: the screen, or what lies on top of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The queue.
    Queue,
    /// A submission under review.
    Review,
    /// A build.
    Build,
    /// The catalog.
    Catalog,
    /// Bases, audit log, outbox or doctor.
    Register,
    /// The page of keys.
    Help,
    /// A message that waits to be read.
    Message,
    /// A question that waits for yes or no.
    Confirm,
    /// A reason that is being written.
    Deciding,
    /// A line that is being written: a filter, a search.
    Prompt,
    /// The list of everything that can be done.
    Palette,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Queue,
        Review,
        Build,
        Catalog,
        Register,
        Self::Help,
        Message,
        Confirm,
        Deciding,
        Prompt,
        Palette,
    ];

    /// The heading of its part of the help page.
    pub const fn title(self) -> &'static str {
        match self {
            Queue => "Queue",
            Review => "Review",
            Build => "Build",
            Catalog => "Catalog",
            Self::Help => "Help",
            Message => "A message",
            Confirm => "A question",
            Deciding => "A reason",
            Prompt => "A filter or search",
            Register => "Bases, audit, outbox, doctor",
            Palette => "The palette",
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// What it is.
    pub action: Action,
    /// Its name, for people who will want to rebind it.
    pub name: &'static str,
    /// The keys that do it.
    pub keys: &'static [&'static str],
    /// Where.
    pub contexts: &'static [Context],
    /// A word for the footer; none keeps it out of there.
    pub label: &'static str,
    /// A line for the help page.
    pub help: &'static str,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident $name:literal $keys:expr, $contexts:expr, $label:literal, $help:literal;)*) => {
        /// Something that a key does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $help] $action,)*
        }

        /// Every action.
        pub const TABLE: &[Declared] = &[
            $(Declared {
                action: Action::$action,
                name: $name,
                keys: &$keys,
                contexts: $contexts,
                label: $label,
                help: $help,
            },)*
        ];
    };
}

/// The screens.
const SCREENS: &[Context] = &[Queue, Review, Build, Catalog, Register];
/// Where there is something to move through.
const PAGES: &[Context] = &[Queue, Review, Build, Catalog, Register, Context::Help];
const LISTS: &[Context] = &[Queue, Catalog, Register];
const TEXTS: &[Context] = &[Review, Build];
const PANES: &[Context] = &[Queue, Review, Build, Register, Context::Help];
const WRITING: &[Context] = &[Deciding, Prompt, Palette];
const ASIDE: &[Context] = &[
    Queue,
    Review,
    Build,
    Catalog,
    Register,
    Context::Help,
    Message,
];
const ON_TOP: &[Context] = &[Confirm, Deciding, Prompt, Palette];

actions! {
    Open        "open"            ["enter"], LISTS, "open", "open what is chosen";
    Jump        "jump"            ["enter"], TEXTS, "go there", "go to the line of the chosen finding or step";
    Approve     "review.approve"  ["a"], &[Review], "approve", "approve this submission";
    Reject      "review.reject"   ["x"], &[Review], "reject", "reject this submission, with a reason";
    Diff        "review.diff"     ["d"], &[Review], "changes", "what changed since the previous submission";
    Files       "review.files"    ["f"], &[Review], "files", "the files of the context, with what is remarkable about each";
    Effective   "review.build"    ["e"], &[Review], "build", "the build that it comes to: variables and triggers put in, what comes from outside";
    Forecast    "review.forecast" ["s"], &[Review], "scan", "what the scan will find, before anything is built";
    Comment     "review.comment"  ["m"], &[Review], "comment", "say something about the line of the chosen finding, or the first that is shown";
    Claim       "review.claim"    ["c"], &[Review], "claim", "say that you read it, or no longer do";
    Suggest     "write.suggest"   ["tab"], &[Deciding], "words", "the next words that fit: the page's own, the policy's, those of a precedent";
    Grant       "write.grant"     ["ctrl-g"], &[Deciding], "grant", "grant what the submission asks for, to it alone, or not";
    Follow      "build.follow"    ["f"], &[Build], "follow", "stay at the end of the log, or stop";
    Packages    "module.packages" ["b"], &[Catalog], "packages", "the bill of materials of this module";
    Provenance  "module.provenance" ["p"], &[Catalog], "provenance", "how this module was made, and of what";
    Layers      "module.layers"   ["e"], &[Catalog], "layers", "the layers of this module, and which instruction made each";
    Findings    "module.findings" ["s"], &[Catalog], "scan", "what the scanner says of this module today, and what of it is new";
    Only        "search.only"     ["&"], &[Build], "only", "show only the lines that match, or all again";
    Wrap        "log.wrap"        ["w"], &[Build], "wrap", "wrap long lines, or cut them";
    Stamps      "log.times"       ["t"], &[Build], "times", "times before the lines: since the build began, of the day, none";
    Select      "log.select"      ["v"], &[Build], "select", "choose lines to be copied";
    Save        "log.save"        ["S"], &[Build], "save", "save the log, or what matches, to a file";
    FailedStep  "log.failed"      ["F"], &[Build], "", "go to the step that failed";
    ScanTable   "build.scan"      ["s"], &[Build], "scan", "what the scanner found in the image";
    Network     "build.network"   ["c"], &[Build], "network", "the connections of a build that was granted the network";
    StopBuild   "build.cancel"    ["x"], &[Build], "cancel", "end this build";
    Retry       "build.retry"     ["r"], &[Build], "retry", "submit once more what has failed, as it is";
    Fold        "fold"            ["space"], &[Review], "unfold", "unfold or fold the chosen finding, or the lines of which nothing is said";
    NextPane    "pane.next"       ["tab"], PANES, "pane", "next pane, scope of the queue, topic of the help";
    PreviousPane "pane.previous"  ["backtab"], PANES, "", "previous pane";
    Filter      "filter"          ["/"], LISTS, "filter", "show only what holds a text";
    Search      "search"          ["/"], TEXTS, "search", "search";
    NextMatch   "search.next"     ["n"], TEXTS, "", "next match; without a search: next finding or failed step";
    PreviousMatch "search.previous" ["N"], TEXTS, "", "previous match, finding or failed step";
    Sort        "queue.sort"      ["o"], &[Queue], "sort", "another order: by age, newest first, by slug, by severity";
    Narrow      "queue.narrow"    ["w"], &[Queue], "whose", "all rows, mine, or those that ask for grants";
    Copy        "copy"            ["y"], SCREENS, "copy", "copy the digest, hash or address to the clipboard of your terminal (OSC 52)";
    Down        "down"            ["j", "down"], PAGES, "", "down";
    Up          "up"              ["k", "up"], PAGES, "", "up";
    Left        "left"            ["h", "left"], TEXTS, "", "left";
    Right       "right"           ["l", "right"], TEXTS, "", "right";
    HalfDown    "page.half-down"  ["ctrl-d"], PAGES, "", "half a page down";
    HalfUp      "page.half-up"    ["ctrl-u"], PAGES, "", "half a page up";
    PageDown    "page.down"       ["pgdn", "ctrl-f"], PAGES, "", "a page down";
    PageUp      "page.up"         ["pgup", "ctrl-b"], PAGES, "", "a page up";
    Top         "top"             ["g", "home"], PAGES, "", "to the top";
    Bottom      "bottom"          ["G", "end"], PAGES, "", "to the end";
    ShowQueue   "screen.queue"    ["1"], PAGES, "", "the queue";
    ShowReview  "screen.review"   ["2"], PAGES, "", "review of the chosen submission";
    ShowBuild   "screen.build"    ["3"], PAGES, "", "build of the chosen submission";
    ShowCatalog "screen.catalog"  ["4"], PAGES, "", "the catalog";
    ShowBases   "screen.bases"    ["5"], PAGES, "", "the bases: pins, age, size, findings, who uses them";
    ShowAudit   "screen.audit"    ["6"], PAGES, "", "the audit log";
    ShowOutbox  "screen.outbox"   ["7"], PAGES, "", "the outbox";
    ShowDoctor  "screen.doctor"   ["8"], PAGES, "", "what this host can do, and how things went lately";
    Palette     "palette"         [":"], SCREENS, "", "find anything that can be done here by its name";
    Mouse       "mouse"           ["ctrl-t"], SCREENS, "", "let the mouse choose and scroll, or leave it to the terminal";
    PaletteUp   "palette.up"      ["up", "ctrl-p"], &[Palette], "", "up";
    PaletteDown "palette.down"    ["down", "ctrl-n"], &[Palette], "", "down";
    Help        "help"            ["?"], SCREENS, "help", "this page";
    Back        "back"            ["q"], ASIDE, "back", "back; from the queue: leave";
    Cancel      "cancel"          ["esc"], ASIDE, "", "close, or drop filter and search; never leaves";
    Close       "message.close"   ["enter", "space"], &[Message], "close", "close the message";
    Yes         "confirm.yes"     ["y"], &[Confirm], "yes", "yes, do it";
    No          "confirm.no"      ["n", "q"], &[Confirm], "no", "no, leave it";
    Submit      "write.submit"    ["enter"], WRITING, "done", "done";
    NewLine     "write.newline"   ["alt-enter", "ctrl-j"], &[Deciding], "new line", "a new line";
    Dismiss     "write.cancel"    ["esc", "ctrl-c"], ON_TOP, "cancel", "leave it";
    Redraw      "redraw"          ["ctrl-l"], &Context::ALL, "", "draw everything anew";
    Suspend     "suspend"         ["ctrl-z"], &Context::ALL, "", "back to the shell until `fg`";
    Quit        "quit"            ["ctrl-c"], ASIDE, "", "leave at once; builds go on";
}

impl Action {
    /// Its line of the table.
    pub fn declared(self) -> &'static Declared {
        // Both come from one macro in the same order.
        &TABLE[self as usize]
    }
}

/// The table as Markdown: what the manual shows.
pub fn markdown() -> String {
    let mut text = String::from("| keys | what they do | where | name |\n|---|---|---|---|\n");
    for line in TABLE {
        let keys: Vec<String> = line.keys.iter().map(|key| format!("`{key}`")).collect();
        let everywhere = SCREENS.iter().all(|screen| line.contexts.contains(screen));
        let places: Vec<&str> = line
            .contexts
            .iter()
            .map(|context| context.title())
            .collect();
        let places = if everywhere {
            "everywhere".to_owned()
        } else {
            places.join(", ").to_lowercase()
        };
        text += &format!(
            "| {} | {} | {places} | `{}` |\n",
            keys.join(" "),
            line.help,
            line.name
        );
    }
    text
}

/// The table as a section of the man page.
pub fn roff() -> String {
    let plain = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut text = String::from(
        ".SH KEYS OF THE CONSOLE\nAny of them can be changed in console.toml by its name.\n",
    );
    for line in TABLE {
        let keys = plain(&line.keys.join(", "));
        let places: Vec<&str> = line
            .contexts
            .iter()
            .map(|context| context.title())
            .collect();
        text += &format!(
            ".TP\n\\fB{keys}\\fR (\\fI{}\\fR)\n{}: {}\n",
            plain(line.name),
            plain(line.help),
            plain(&places.join(", ").to_lowercase())
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_finds_its_own_line() {
        for line in TABLE {
            assert_eq!(line.action.declared().name, line.name);
            assert!(!line.help.is_empty() && !line.keys.is_empty());
        }
    }

    #[test]
    fn the_manual_has_every_key() {
        let manual = markdown();
        assert!(manual.contains("| `j` `down` | down | everywhere | `down` |"));
        assert_eq!(manual.lines().count(), TABLE.len() + 2);
    }

    #[test]
    fn names_are_unique() {
        for (n, line) in TABLE.iter().enumerate() {
            assert!(TABLE[n + 1..].iter().all(|other| other.name != line.name));
        }
    }
}
