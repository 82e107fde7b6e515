//! The programs of a test, as far as they were met: a tree of operations.
//!
//! A node is a place in a program that was reached with certain answers; its
//! children are the places that the possible answers lead to. The tree grows by
//! replay when the search first takes an edge, so that a program is replayed
//! once for each node and not once for each state: a state holds a node's
//! number and nothing else of a program.
//!
//! Each node also knows its *future*: which words the program can still touch
//! from there, and how. What nobody will look at again need not be told apart,
//! which is where most states are saved. A future is known only once the tree
//! below it is, so it is an assumption: taken from an earlier pass over the
//! programs, guessed from its parent's where a node is new, and checked after
//! each pass ([`Programs::settle`]). A pass that assumed too little counts for
//! nothing and is made again.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::op::{Op, WordId};
use super::replay::{self, Handler, Initial, Occupant, Request};

/// The number of a node.
pub(crate) type Node = u32;

/// An answer to an operation, by its number in [`Values`].
pub(crate) type Answer = u8;

/// The body of a CPU.
pub type Body = Box<dyn Fn()>;

/// A set of words, a bit for each.
pub(crate) type Words = u64;

/// What a program may still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Future {
    /// Words whose old values it may read.
    pub(crate) loads: Words,
    /// Words after whose load it sees what the writer saw.
    pub(crate) acquires: Words,
    /// Words that it reads and writes in one step.
    pub(crate) modifies: Words,
    /// Words that it writes.
    pub(crate) stores: Words,
    /// Words that it fetches instructions from.
    pub(crate) fetches: Words,
    /// CPUs that it pokes.
    pub(crate) pokes: u8,
}

impl Future {
    pub(crate) const ANYTHING: Self =
        Self { loads: !0, acquires: !0, modifies: !0, stores: !0, fetches: !0, pokes: !0 };

    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            loads: self.loads | other.loads,
            acquires: self.acquires | other.acquires,
            modifies: self.modifies | other.modifies,
            stores: self.stores | other.stores,
            fetches: self.fetches | other.fetches,
            pokes: self.pokes | other.pokes,
        }
    }

    /// Whether all of `other` was expected.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.or(other) == self
    }

    /// The same on a machine whose loads return the newest value.
    pub(crate) const fn reading_the_newest(self) -> Self {
        Self { loads: 0, acquires: 0, modifies: self.modifies | self.loads, ..self }
    }

    /// Every word that the program may look at.
    pub(crate) const fn reads(self) -> Words {
        self.loads | self.modifies | self.fetches
    }

    /// Every word that the program may change.
    pub(crate) const fn writes(self) -> Words {
        self.stores | self.modifies
    }

    /// What one operation does.
    pub(crate) fn of(op: Op) -> Self {
        let mut future = Self::default();
        let ordered = |acquire: bool, words: Words| if acquire { words } else { 0 };
        match op {
            Op::Load { word, acquire } => {
                future.loads = bit(word);
                future.acquires = ordered(acquire, bit(word));
            }
            Op::Wait { word, acquire, inbox, .. } => {
                future.loads = bit(word) | inbox.map_or(0, |(word, _)| bit(word));
                future.acquires = ordered(acquire, bit(word));
            }
            Op::Observe { word, .. } => future.loads = bit(word),
            Op::Fetch { word, .. } => future.fetches = bit(word),
            Op::Store { word, .. } => future.stores = bit(word),
            Op::Modify { word, acquire, .. } => {
                future.modifies = bit(word);
                future.acquires = ordered(acquire, bit(word));
            }
            Op::Lock { word } => {
                future.modifies = bit(word);
                future.acquires = bit(word);
            }
            Op::Poke(cpus) => future.pokes = cpus,
            Op::Fence(_) | Op::CoreSync | Op::Gate | Op::Dead | Op::Alive | Op::End => {}
        }
        future
    }
}

/// The set of one word.
pub(crate) const fn bit(word: WordId) -> Words {
    1 << word
}

/// The numbers that the programs use, each with a small number of its own.
#[derive(Default)]
pub(crate) struct Values(Vec<u64>);

impl Values {
    pub(crate) fn id(&mut self, value: u64) -> Answer {
        let found = self.0.iter().position(|&known| known == value);
        let index = found.unwrap_or_else(|| {
            self.0.push(value);
            self.0.len() - 1
        });
        Answer::try_from(index).expect("at most 256 different values")
    }

    pub(crate) fn get(&self, id: Answer) -> u64 {
        self.0[usize::from(id)]
    }
}

struct Place {
    request: Request,
    parent: Node,
    answer: Answer,
    root: u16,
    children: Vec<(Answer, Node)>,
}

/// Where a program begins.
struct Root {
    cpu: usize,
    interrupted: Option<Occupant>,
    node: Node,
}

/// What became of the pokes of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Poked {
    /// One was sent.
    pub(crate) at_all: bool,
    /// One was sent to a CPU to which another was still on its way.
    pub(crate) twice: bool,
}

/// The programs of a test.
pub(crate) struct Programs {
    bodies: Vec<Body>,
    handler: Handler,
    pub(crate) initial: Initial,
    pub(crate) values: Values,
    places: Vec<Place>,
    roots: Vec<Root>,
    /// Whether a milestone makes places one. Off only to check that.
    heeds_milestones: bool,
    /// Places that stand for others.
    shared: Vec<Node>,
    /// What is assumed of each node.
    futures: Vec<Future>,
    /// What was assumed of the handlers of each CPU.
    handlers: Vec<Future>,
    /// Words that were given a smaller value, and those that were assumed to be.
    lowered: Words,
    assumed_lowered: Words,
    waited: Words,
    assumed_waited: Words,
    past: Vec<u64>,
    pub(crate) poked: Poked,
    /// Whether some node did what was not expected of those above it.
    has_misguessed: bool,
}

impl Programs {
    /// Runs the set-up, and the bodies up to their first operations.
    pub(crate) fn new(
        bodies: Vec<Body>,
        handler: Handler,
        set_up: &dyn Fn(),
        heeds_milestones: bool,
    ) -> Self {
        replay::start(bodies.len(), handler.clone(), set_up);
        let handlers = vec![Future::ANYTHING; bodies.len()];
        let mut programs = Self {
            bodies,
            handler,
            initial: Initial::default(),
            values: Values::default(),
            places: Vec::new(),
            roots: Vec::new(),
            heeds_milestones,
            shared: Vec::new(),
            futures: Vec::new(),
            handlers,
            lowered: 0,
            assumed_lowered: !0,
            waited: 0,
            assumed_waited: !0,
            past: Vec::new(),
            poked: Poked::default(),
            has_misguessed: false,
        };
        programs.values.id(0);
        programs.regrow();
        programs
    }

    /// Forgets what was met: a program did otherwise than it would do now, since it looked
    /// for a word that nobody had touched yet.
    pub(crate) fn regrow(&mut self) {
        self.places.clear();
        self.roots.clear();
        self.shared.clear();
        self.futures.clear();
        self.handlers = vec![Future::ANYTHING; self.cpus()];
        (self.lowered, self.assumed_lowered) = (0, !0);
        (self.waited, self.assumed_waited) = (0, !0);
        self.has_misguessed = false;
        for cpu in 0..self.cpus() {
            self.plant(cpu, None);
        }
    }

    pub(crate) fn cpus(&self) -> usize {
        self.bodies.len()
    }

    /// Where the body of `cpu` begins.
    pub(crate) fn body(&self, cpu: usize) -> Node {
        self.roots[cpu].node
    }

    /// Where the handler of `cpu` begins, which was occupied by `occupant`.
    pub(crate) fn handler(&mut self, cpu: usize, occupant: Occupant) -> Node {
        let known = self.roots.iter().find(|root| root.cpu == cpu && root.interrupted == Some(occupant));
        match known {
            Some(root) => root.node,
            None => self.plant(cpu, Some(occupant)),
        }
    }

    /// What the program wants at `node`.
    pub(crate) fn at(&self, node: Node) -> &Request {
        &self.places[node as usize].request
    }

    /// Where `answer` leads to from `node`.
    pub(crate) fn after(&mut self, node: Node, answer: Answer) -> Node {
        let place = &self.places[node as usize];
        if let Some(&(_, child)) = place.children.iter().find(|(known, _)| *known == answer) {
            return child;
        }
        let grown = self.grow(node, answer, place.root);
        let child = self.same_future(grown);
        self.places[node as usize].children.push((answer, child));
        child
    }

    /// What the program may still do from `node` on.
    pub(crate) fn future(&self, node: Node) -> Future {
        self.futures[node as usize]
    }

    /// Whether some node did what was not expected of those above it.
    pub(crate) fn has_misguessed(&self) -> bool {
        self.has_misguessed
    }

    /// What the handlers of `cpu` may do.
    pub(crate) fn handler_future(&self, cpu: usize) -> Future {
        self.handlers[cpu]
    }

    /// `word` was given a smaller value.
    pub(crate) fn lowers(&mut self, word: WordId) {
        self.lowered |= bit(word);
    }

    /// Whether the value of `word` only grows: a thread that waits for it to be large
    /// enough cannot miss that.
    pub(crate) fn only_grows(&self, word: WordId) -> bool {
        self.assumed_lowered & bit(word) == 0
    }

    /// Words that somebody waits for somewhere: their values are kept to the end,
    /// or it would not be seen that one becomes smaller.
    pub(crate) fn waited_for(&self) -> Words {
        self.assumed_waited
    }

    /// A number made of all that the programs do after each past: the same for
    /// programs that do the same.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hashes: Vec<u64> = Vec::with_capacity(self.places.len());
        for (node, place) in self.places.iter().enumerate() {
            let above = hashes.get(place.parent as usize).copied().unwrap_or(u64::from(place.root));
            let mut hasher = DefaultHasher::new();
            above.hash(&mut hasher);
            // What an address is differs from run to run, and not what it is called.
            replay::told(self.values.get(place.answer)).hash(&mut hasher);
            place.request.op.told().hash(&mut hasher);
            debug_assert_eq!(hashes.len(), node);
            hashes.push(hasher.finish());
        }
        hashes.into_iter().fold(0, u64::wrapping_add)
    }

    /// Takes the futures from the tree as it is now, and says whether what was
    /// assumed of them in the pass that just ended held.
    pub(crate) fn settle(&mut self) -> bool {
        let mut futures: Vec<Future> = self.places.iter().map(|place| Future::of(place.request.op)).collect();
        // Where a place stands for others, not every child comes after its parent.
        let mut is_settled = false;
        while !is_settled {
            is_settled = true;
            for (node, place) in self.places.iter().enumerate().rev() {
                let whole = place
                    .children
                    .iter()
                    .fold(futures[node], |whole, &(_, child)| whole.or(futures[child as usize]));
                is_settled &= whole == futures[node];
                futures[node] = whole;
            }
        }
        let mut handlers = vec![Future::default(); self.cpus()];
        for root in self.roots.iter().filter(|root| root.interrupted.is_some()) {
            handlers[root.cpu] = handlers[root.cpu].or(futures[root.node as usize]);
        }
        let covers = |assumed: &Future, found: &Future| assumed.covers(*found);
        let held = !std::mem::take(&mut self.has_misguessed)
            && self.futures.iter().zip(&futures).all(|(assumed, found)| covers(assumed, found))
            && self.handlers.iter().zip(&handlers).all(|(assumed, found)| covers(assumed, found))
            && self.lowered & !self.assumed_lowered == 0
            && self.waited & !self.assumed_waited == 0;
        self.futures = futures;
        self.handlers = handlers;
        self.assumed_lowered = self.lowered;
        self.assumed_waited = self.waited;
        held
    }

    /// One place stands for all from which a program goes on alike: those at the
    /// same milestone, and all ends of a CPU that an interrupt cannot tell apart.
    fn same_future(&mut self, node: Node) -> Node {
        let Request { op, open, occupant, milestone, .. } = *self.at(node);
        if op != Op::End && (milestone.is_none() || !self.heeds_milestones) {
            return node;
        }
        let root = self.places[node as usize].root;
        let known = self.shared.iter().copied().find(|&shared| {
            let Place { request, root: its, .. } = &self.places[shared as usize];
            let is_same = if op == Op::End {
                (request.op, request.open, request.occupant) == (op, open, occupant)
            } else {
                request.milestone == milestone
            };
            *its == root && is_same
        });
        if let Some(known) = known {
            assert_eq!(self.at(known).op, op, "a milestone after which programs differ");
            return known;
        }
        self.shared.push(node);
        node
    }

    fn plant(&mut self, cpu: usize, interrupted: Option<Occupant>) -> Node {
        let root = u16::try_from(self.roots.len()).expect("few programs");
        let node = self.places.len() as Node;
        self.roots.push(Root { cpu, interrupted, node });
        self.grow(node, 0, root)
    }

    fn grow(&mut self, parent: Node, answer: Answer, root: u16) -> Node {
        let node = self.places.len() as Node;
        self.past.clear();
        if node != parent {
            self.past.push(self.values.get(answer));
            let mut place = &self.places[parent as usize];
            let mut above = parent;
            while place.parent != above {
                self.past.push(self.values.get(place.answer));
                above = place.parent;
                place = &self.places[above as usize];
            }
            self.past.reverse();
        }
        let request = self.replay(root);
        if let Op::Wait { word, .. } = request.op {
            self.waited |= bit(word);
        }
        self.places.push(Place { request, parent, answer, root, children: Vec::new() });
        self.guess(node);
        self.initial = replay::initial();
        assert!(self.initial.memory.len() <= 64, "at most 64 words");
        node
    }

    /// Guesses the future of a node that was not met before: what its parent
    /// was thought to do. If that was too little, it was so all the way up.
    fn guess(&mut self, node: Node) {
        let Place { request, parent, .. } = &self.places[node as usize];
        let (own, mut above) = (Future::of(request.op), *parent);
        let guess = if above == node { Future::default() } else { self.futures[above as usize] };
        self.futures.push(guess.or(own));
        let mut below = node;
        while above != below && !self.futures[above as usize].covers(own) {
            self.has_misguessed = true;
            self.futures[above as usize] = self.futures[above as usize].or(own);
            (below, above) = (above, self.places[above as usize].parent);
        }
    }

    fn replay(&self, root: u16) -> Request {
        let Root { cpu, interrupted, .. } = self.roots[usize::from(root)];
        match interrupted {
            None => replay::replay(&self.bodies[cpu], cpu, None, &self.past),
            Some(occupant) => replay::replay(&|| (self.handler)(cpu, occupant), cpu, interrupted, &self.past),
        }
    }
}
