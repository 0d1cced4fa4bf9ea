#!/usr/bin/env bash
# Makes the music of the demo mount, the *.mp3 beside this script, with sox and ffmpeg.
#
# A slow piece in D of three parts that follow each other in a ring. The ring is exact: the
# music is rendered as a period of whole MP3 frames, its tails wrap around into its beginning,
# and what is kept is the middle one of three encoded periods. So the last frame of a part joins the
# first of the next, and the third part joins the first, without a click, a gap or a fade. Frames do not
# borrow from each other (no bit reservoir), so a player may start at any of them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

rate=44100
frames_per_part=766                                # 20.01 s
part=$((frames_per_part * 1152))                   # samples
bar=$((part / 4))                                  # one chord, 5 s
step=$((bar / 8))                                  # one eighth of it
period=$((part * 3))
tail=$((rate * 12))                                # from the beginning of a bar to the end of its last echo

# Errors only, and no dither or chance: the same script makes the same music.
sox() { command sox -V1 -R -D "$@"; }

hz() { awk -v n="$1" 'BEGIN { printf "%.4f", 440 * 2 ^ ((n - 69) / 12) }'; }
times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a * b }'; }
# render CHANNELS FILE EFFECT …
render() { sox -r $rate -c "$1" -n -e floating-point -b 32 "${@:2}"; }

# Every note lands in the list of its bar: a file and the sample of the bar at which it begins.
count=0
place() {
  count=$((count + 1))
  printf '%s %s\n' "$2" "$3" >> "notes$1"
}

# pad BAR NOTE NOTE NOTE NOTE: a chord of detuned triangles, the left a little below and the right a little above.
pad() {
  local number=$1 file="pad$1.wav" voices=() note f
  shift
  for note in "$@"; do
    f=$(hz "$note")
    voices+=(triangle "$(times "$f" 0.9982)" triangle "$(times "$f" 1.0018)" sine "$(times "$f" 2.0012)" sine "$(times "$f" 1.9988)")
  done
  render 16 "$file" synth 8.4 "${voices[@]}" \
    remix 1v0.05,3v0.012,5v0.05,7v0.012,9v0.05,11v0.012,13v0.042,15v0.01 2v0.05,4v0.012,6v0.05,8v0.012,10v0.05,12v0.012,14v0.042,16v0.01 \
    lowpass -1 2200 lowpass -1 4800 tremolo 0.4 12 fade h 2.2 8.4 3.6
  place "$number" "$file" 0
}

# bass BAR NOTE: a sine with a trace of its octave, so that small speakers have it too.
bass() {
  local f file="bass$1.wav"
  f=$(hz "$2")
  render 3 "$file" synth 6.6 sine "$f" sine "$(times "$f" 2)" triangle "$(times "$f" 3)" \
    remix 1v0.085,2v0.035,3v0.006 1v0.085,2v0.035,3v0.006 fade h 0.7 6.6 2.4
  place "$1" "$file" 0
}

# pluck BAR STEP NOTE LOUDNESS PAN: a struck bar of wood and its two echoes, on the other side each time.
pluck() {
  local at=$(($2 * step)) f file="pluck$count.wav" left right
  f=$(hz "$3")
  left=$(awk -v v="$4" -v p="$5" 'BEGIN { printf "%.4f", 1.8 * v * cos((p + 1) * 0.785398) }')
  right=$(awk -v v="$4" -v p="$5" 'BEGIN { printf "%.4f", 1.8 * v * sin((p + 1) * 0.785398) }')
  ffmpeg -v error -f lavfi -i "aevalsrc='0.7*(1-exp(-300*t))*(exp(-2.4*t)*sin(2*PI*$f*t)+0.28*exp(-5*t)*sin(4.004*PI*$f*t)+0.10*exp(-16*t)*sin(7.8*PI*$f*t))':s=$rate:d=2.6" \
    -af "afade=t=out:st=2:d=0.6" -c:a pcm_f32le -y mono.wav
  sox mono.wav "$file" remix "1v$left" "1v$right"
  place "$1" "$file" "$at"
  sox "$file" "a$file" remix 2v0.40 1v0.40 lowpass -1 3600
  place "$1" "a$file" $((at + 3 * step))
  sox "$file" "b$file" remix 1v0.18 2v0.18 lowpass -1 2400
  place "$1" "b$file" $((at + 6 * step))
}

# Part 1: Dmaj9, Bm11, Gmaj7, Asus2. Few notes, rising.
pad 0 57 61 64 66;  bass 0 38
pad 1 54 57 62 64;  bass 1 47
pad 2 55 59 62 66;  bass 2 43
pad 3 57 59 64 69;  bass 3 45
pluck 0 1 74 0.13 -0.4;  pluck 0 4 78 0.11 0.3;   pluck 0 6 81 0.10 0.5
pluck 1 2 76 0.12 0.4;   pluck 1 5 74 0.11 -0.3
pluck 2 1 71 0.12 -0.5;  pluck 2 3 74 0.11 0.2;   pluck 2 6 78 0.10 0.5
pluck 3 2 76 0.12 -0.2;  pluck 3 5 69 0.12 0.4

# Part 2: Em9, Gmaj7, D over F sharp, A6. The notes come closer together.
pad 4 55 59 62 66;  bass 4 40
pad 5 54 59 62 67;  bass 5 43
pad 6 57 62 64 69;  bass 6 42
pad 7 57 61 64 66;  bass 7 45
pluck 4 0 71 0.11 -0.5;  pluck 4 2 76 0.10 0.4;   pluck 4 3 78 0.09 -0.1;  pluck 4 6 83 0.08 0.5
pluck 5 0 74 0.11 0.4;   pluck 5 2 78 0.10 -0.4;  pluck 5 5 81 0.09 0.1;   pluck 5 7 78 0.08 -0.5
pluck 6 1 76 0.11 -0.3;  pluck 6 3 81 0.09 0.5;   pluck 6 4 78 0.09 0.0;   pluck 6 7 74 0.10 -0.4
pluck 7 1 73 0.10 0.3;   pluck 7 3 76 0.10 -0.5;  pluck 7 6 69 0.11 0.2

# Part 3: Bm9, F sharp minor, Gmaj9, Asus4. Long breaths, then home.
pad 8 54 57 61 62;  bass 8 47
pad 9 54 57 61 64;  bass 9 42
pad 10 57 59 62 66; bass 10 43
pad 11 57 62 64 69; bass 11 45
pluck 8 2 78 0.11 0.5;   pluck 8 6 76 0.10 -0.4
pluck 9 3 73 0.12 -0.2
pluck 10 1 74 0.11 0.4;  pluck 10 4 71 0.11 -0.5; pluck 10 7 69 0.10 0.1
pluck 11 3 76 0.11 -0.3; pluck 11 6 73 0.09 0.4

# All notes on one time line, whose end past the period is folded into its beginning.
bars=()
for number in {0..11}; do
  inputs=()
  while read -r file at; do
    sox "$file" -e floating-point -b 32 "at-$file" pad "${at}s" "${tail}s" trim 0 "${tail}s"
    inputs+=(-v 1 "at-$file")
  done < "notes$number"
  sox -m "${inputs[@]}" "bar$number.wav" pad "$((number * bar))s" "${period}s" trim 0 "$((period + tail))s"
  bars+=(-v 1 "bar$number.wav")
done
sox -m "${bars[@]}" line.wav
sox line.wav body.wav trim 0 "${period}s"
sox line.wav rest.wav trim "${period}s"
sox -m -v 1 body.wav -v 1 rest.wav dry.wav

# The room: its first period fills it, the second one is what a ring sounds like.
sox dry.wav dry.wav wide.wav highpass -1 35 reverb -w 62 45 95 100 18 0
sox dry.wav dry.wav straight.wav highpass -1 35
sox -m -v 1 straight.wav -v 0.55 wide.wav room.wav trim "${period}s" "${period}s"

# To -16 LUFS by one factor, so that nothing breathes.
loudness=$(ffmpeg -hide_banner -nostats -i room.wav -af ebur128 -f null - 2>&1 | awk '/^ +I:/ { value = $2 } END { print value }')
sox room.wav -e floating-point -b 32 ring.wav gain "$(awk -v l="$loudness" 'BEGIN { printf "%.2f", -16 - l }')"

sox ring.wav ring.wav ring.wav -b 16 -e signed-integer rings.wav
ffmpeg -v error -i rings.wav -c:a libmp3lame -b:a 128k -joint_stereo 1 -reservoir 0 -write_xing 0 -id3v2_version 0 -y rings.mp3
number=0
for name in harbour-at-dawn paper-lanterns slow-tide; do
  first=$((3 * frames_per_part + number * frames_per_part))
  ffmpeg -v error -i rings.mp3 -c copy -bsf:a "noise=drop='lt(n,$first)+gte(n,$((first + frames_per_part)))'" \
    -write_xing 0 -id3v2_version 0 -y "$here/$name.mp3"
  number=$((number + 1))
done
