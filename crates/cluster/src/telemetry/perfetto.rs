//! A run as a trace that the Perfetto UI shows: tracks of slices, instants, counters, and flows between them.
//!
//! Source: Perfetto's `trace_packet.proto`, `track_descriptor.proto`, `track_event.proto`; the numbers below are
//! their fields.

use super::protobuf::Message;
use std::io::{self, Write};

const TRACE_PACKET: u32 = 1;

const PACKET_TIMESTAMP: u32 = 8;
const PACKET_SEQUENCE: u32 = 10;
const PACKET_EVENT: u32 = 11;
const PACKET_SEQUENCE_FLAGS: u32 = 13;
const PACKET_TRACK: u32 = 60;

const TRACK_UUID: u32 = 1;
const TRACK_NAME: u32 = 2;
const TRACK_PARENT: u32 = 5;
const TRACK_COUNTER: u32 = 8;
const COUNTER_UNIT: u32 = 6;

const EVENT_TYPE: u32 = 9;
const EVENT_TRACK: u32 = 11;
const EVENT_NAME: u32 = 23;
const EVENT_DOUBLE_VALUE: u32 = 44;
const EVENT_FLOW: u32 = 47;
const EVENT_FLOW_END: u32 = 48;

const SLICE_BEGIN: u64 = 1;
const SLICE_END: u64 = 2;
const INSTANT: u64 = 3;
const COUNTER: u64 = 4;

/// All packets come from one writer, which begins with no state.
const SEQUENCE: u64 = 1;
const STATE_CLEARED: u64 = 1;

/// A track of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Track(u64);

/// What ties an instant to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It leads to others with this number.
    To(u64),
    /// Others with this number led to it.
    From(u64),
}

/// A trace being written.
///
/// Units: instants are nanoseconds of virtual time.
#[derive(Debug)]
pub struct Trace<W> {
    out: W,
    tracks: u64,
}

impl<W: Write> Trace<W> {
    /// Begins a trace.
    ///
    /// Errors: those of `out`.
    pub fn new(out: W) -> io::Result<Trace<W>> {
        let mut trace = Trace { out, tracks: 0 };
        trace.packet(Message::default().number(PACKET_SEQUENCE_FLAGS, STATE_CLEARED))?;
        Ok(trace)
    }

    /// A track of slices and instants, below another one or at the top.
    ///
    /// Errors: those of the output.
    pub fn track(&mut self, parent: Option<Track>, name: &str) -> io::Result<Track> {
        self.describe(parent, name, None)
    }

    /// A track of a value that changes.
    ///
    /// Errors: those of the output.
    pub fn counter(&mut self, parent: Option<Track>, name: &str, unit: &str) -> io::Result<Track> {
        self.describe(parent, name, Some(unit))
    }

    fn describe(&mut self, parent: Option<Track>, name: &str, unit: Option<&str>) -> io::Result<Track> {
        self.tracks += 1;
        let mut track = Message::default().number(TRACK_UUID, self.tracks).text(TRACK_NAME, name);
        if let Some(Track(parent)) = parent {
            track = track.number(TRACK_PARENT, parent);
        }
        if let Some(unit) = unit {
            track = track.message(TRACK_COUNTER, &Message::default().text(COUNTER_UNIT, unit));
        }
        self.packet(Message::default().message(PACKET_TRACK, &track))?;
        Ok(Track(self.tracks))
    }

    /// A slice begins on a track; those on one track nest.
    ///
    /// Errors: those of the output.
    pub fn begin(&mut self, track: Track, at_ns: u64, name: &str) -> io::Result<()> {
        self.event(at_ns, event(track, SLICE_BEGIN).text(EVENT_NAME, name))
    }

    /// The innermost slice of a track ends.
    ///
    /// Errors: those of the output.
    pub fn end(&mut self, track: Track, at_ns: u64) -> io::Result<()> {
        self.event(at_ns, event(track, SLICE_END))
    }

    /// Something happens on a track.
    ///
    /// Errors: those of the output.
    pub fn instant(&mut self, track: Track, at_ns: u64, name: &str, flow: Option<Flow>) -> io::Result<()> {
        let instant = event(track, INSTANT).text(EVENT_NAME, name);
        self.event(
            at_ns,
            match flow {
                None => instant,
                Some(Flow::To(number)) => instant.fixed(EVENT_FLOW, number),
                Some(Flow::From(number)) => instant.fixed(EVENT_FLOW_END, number),
            },
        )
    }

    /// A counter has a value from now on.
    ///
    /// Errors: those of the output.
    pub fn count(&mut self, counter: Track, at_ns: u64, value: f64) -> io::Result<()> {
        self.event(at_ns, event(counter, COUNTER).double(EVENT_DOUBLE_VALUE, value))
    }

    /// Writes what waits, and gives the output back.
    ///
    /// Errors: those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    fn event(&mut self, at_ns: u64, event: Message) -> io::Result<()> {
        self.packet(Message::default().number(PACKET_TIMESTAMP, at_ns).message(PACKET_EVENT, &event))
    }

    fn packet(&mut self, packet: Message) -> io::Result<()> {
        let packet = packet.number(PACKET_SEQUENCE, SEQUENCE);
        self.out.write_all(Message::default().message(TRACE_PACKET, &packet).bytes())
    }
}

fn event(Track(track): Track, kind: u64) -> Message {
    Message::default().number(EVENT_TYPE, kind).number(EVENT_TRACK, track)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field's number, and its value: a number, or bytes.
    #[derive(Debug, PartialEq)]
    enum Field {
        Number(u64, u64),
        Bytes(u64, Vec<u8>),
    }

    fn varint(bytes: &mut &[u8]) -> u64 {
        let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("an end") + 1;
        let (number, rest) = bytes.split_at(end);
        *bytes = rest;
        number.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
    }

    fn decode(mut bytes: &[u8]) -> Vec<Field> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let length = match key & 7 {
                0 => {
                    fields.push(Field::Number(key >> 3, varint(&mut bytes)));
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut bytes)).expect("short"),
                other => panic!("wire type {other}"),
            };
            let (value, rest) = bytes.split_at(length);
            fields.push(Field::Bytes(key >> 3, value.to_vec()));
            bytes = rest;
        }
        fields
    }

    /// The fields of a field that is a message.
    fn inner(fields: &[Field], number: u64) -> Vec<Field> {
        let found = fields.iter().find_map(|field| match field {
            Field::Bytes(known, bytes) if *known == number => Some(decode(bytes)),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no field {number} in {fields:?}"))
    }

    #[test]
    fn a_trace_has_its_tracks_and_events_where_the_schema_says() {
        let mut trace = Trace::new(Vec::new()).expect("written");
        let node = trace.track(None, "n0").expect("written");
        let hart = trace.track(Some(node), "hart 0").expect("written");
        let load = trace.counter(Some(node), "load", "%").expect("written");
        trace.begin(hart, 1_000, "runs").expect("written");
        trace.end(hart, 2_000).expect("written");
        trace.instant(node, 2_500, "sent", Some(Flow::To(9))).expect("written");
        trace.count(load, 3_000, 0.5).expect("written");
        let bytes = trace.finish().expect("written");
        let packets: Vec<Vec<Field>> = decode(&bytes)
            .iter()
            .map(|field| match field {
                Field::Bytes(1, packet) => decode(packet),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(packets.len(), 8);
        assert!(packets.iter().all(|packet| packet.contains(&Field::Number(10, 1))), "of one sequence");
        assert_eq!(packets[0][0], Field::Number(13, 1));
        let name = |text: &str| Field::Bytes(2, text.as_bytes().to_vec());
        assert_eq!(inner(&packets[2], 60), [Field::Number(1, 2), name("hart 0"), Field::Number(5, 1)]);
        assert_eq!(inner(&inner(&packets[3], 60), 8), [Field::Bytes(6, b"%".to_vec())]);
        assert_eq!(packets[4][0], Field::Number(8, 1_000));
        let begin = [Field::Number(9, 1), Field::Number(11, 2), Field::Bytes(23, b"runs".to_vec())];
        assert_eq!(inner(&packets[4], 11), begin);
        assert_eq!(inner(&packets[5], 11), [Field::Number(9, 2), Field::Number(11, 2)]);
        assert!(inner(&packets[6], 11).contains(&Field::Bytes(47, 9u64.to_le_bytes().to_vec())));
        assert!(inner(&packets[7], 11).contains(&Field::Bytes(44, 0.5f64.to_le_bytes().to_vec())));
    }
}
