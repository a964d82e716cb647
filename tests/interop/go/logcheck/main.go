// Command logcheck reads a log with Go's own checksum-database packages, which share no code with OneFile.
//
//	logcheck verify DIR     check DIR/vkey, DIR/checkpoint, DIR/tile/…, DIR/cases.json and DIR/*.tlog-proof
//	logcheck fetch URL DIR  check the log served below URL against DIR/vkey and the notes DIR/checkpoint-*
//	logcheck proof DIR      check DIR/proof.tlog-proof of DIR/entry.json under DIR/vkey, by themselves
//	logcheck make DIR N     write a log of N entries with a fresh key, for the other side to check
//
// It prints one line of JSON with what was checked, or says on standard error what is wrong and exits with 1.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type inclusionCase struct {
	Index int64    `json:"index"`
	Proof []string `json:"proof"`
}

type consistencyCase struct {
	First int64    `json:"first"`
	Root  string   `json:"root"`
	Proof []string `json:"proof"`
}

type cases struct {
	Inclusion   []inclusionCase   `json:"inclusion"`
	Consistency []consistencyCase `json:"consistency"`
}

func main() {
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "verify":
		err = verify(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "proof":
		err = single(os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "fetch":
		err = fetch(site(os.Args[2]), os.Args[3])
	case len(os.Args) == 4 && os.Args[1] == "make":
		err = makeLog(os.Args[2], os.Args[3])
	default:
		err = fmt.Errorf("usage: logcheck verify DIR | fetch URL DIR | proof DIR | make DIR N")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "logcheck:", err)
		os.Exit(1)
	}
}

// source is where a log's parts are read, by their C2SP paths.
type source interface {
	read(path string) ([]byte, error)
}

// folder is a log in files.
type folder string

func (d folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(d), path))
}

// tiles makes a tlog.TileReader of a source.
type tiles struct{ source }

func (t tiles) Height() int { return height }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(wanted))
	for i, one := range wanted {
		data, err := t.read(tilePath(one))
		if err != nil {
			return nil, err
		}
		out[i] = data
	}
	return out, nil
}

func (t tiles) SaveTiles(saved []tlog.Tile, data [][]byte) {}

// tilePath drops the height from the path: C2SP fixes it at 8.
func tilePath(t tlog.Tile) string {
	return strings.Replace(t.Path(), "tile/8/", "tile/", 1)
}

func openCheckpoint(raw []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s: %q", verifier.Name(), n.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func verify(dir string) error {
	vkey, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(raw, strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{folder(dir)})
	entries, err := checkEntries(folder(dir), tree, reader)
	if err != nil {
		return err
	}
	var c cases
	text, err := os.ReadFile(filepath.Join(dir, "cases.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	for _, one := range c.Inclusion {
		if err := checkInclusion(tree, reader, entries, one); err != nil {
			return fmt.Errorf("inclusion of %d: %w", one.Index, err)
		}
	}
	for _, one := range c.Consistency {
		if err := checkConsistency(tree, reader, one); err != nil {
			return fmt.Errorf("consistency from %d: %w", one.First, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tlog-proof"))
	if err != nil {
		return err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if _, _, err := checkProof(raw, strings.TrimSpace(string(vkey)), in(entries)); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
	}
	fmt.Printf("{\"size\":%d,\"entries\":%d,\"inclusion\":%d,\"consistency\":%d,\"files\":%d}\n",
		tree.N, len(entries), len(c.Inclusion), len(c.Consistency), len(files))
	return nil
}

// checkEntries reads every bundle and compares each entry's hash with the verified leaf.
func checkEntries(from source, tree tlog.Tree, reader tlog.HashReader) ([][]byte, error) {
	var entries [][]byte
	for n := int64(0); n*256 < tree.N; n++ {
		width := tree.N - n*256
		if width > 256 {
			width = 256
		}
		path := (tlog.Tile{H: height, L: 0, N: n, W: int(width)}).Path()
		data, err := from.read(strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
		if err != nil {
			return nil, err
		}
		for len(data) > 0 {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d is cut off", n)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries = append(entries, data[2:end])
			data = data[end:]
		}
	}
	if int64(len(entries)) != tree.N {
		return nil, fmt.Errorf("%d entries in a log of %d", len(entries), tree.N)
	}
	indexes := make([]int64, len(entries))
	for i := range entries {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	hashes, err := reader.ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if tlog.RecordHash(entry) != hashes[i] {
			return nil, fmt.Errorf("entry %d is not the leaf", i)
		}
	}
	return entries, nil
}

func parseHashes(texts []string) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, len(texts))
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

func equal(ours, theirs []tlog.Hash) error {
	if len(ours) != len(theirs) {
		return fmt.Errorf("%d hashes, expected %d", len(theirs), len(ours))
	}
	for i := range ours {
		if ours[i] != theirs[i] {
			return fmt.Errorf("hash %d differs", i)
		}
	}
	return nil
}

func checkInclusion(tree tlog.Tree, reader tlog.HashReader, entries [][]byte, c inclusionCase) error {
	proof, err := parseHashes(c.Proof)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, c.Index, tlog.RecordHash(entries[c.Index])); err != nil {
		return err
	}
	own, err := tlog.ProveRecord(tree.N, c.Index, reader)
	if err != nil {
		return err
	}
	return equal(own, proof)
}

func checkConsistency(tree tlog.Tree, reader tlog.HashReader, c consistencyCase) error {
	proof, err := parseHashes(c.Proof)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(c.Root)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, c.First, root); err != nil {
		return err
	}
	own, err := tlog.ProveTree(tree.N, c.First, reader)
	if err != nil {
		return err
	}
	return equal(own, proof)
}

// checkProof reads a C2SP tlog-proof by its grammar alone, and says of which entry and tree it is.
func checkProof(raw []byte, vkey string, entry func(index int64) []byte) (int64, tlog.Tree, error) {
	cut := bytes.Index(raw, []byte("\n\n"))
	if cut < 0 {
		return 0, tlog.Tree{}, fmt.Errorf("no empty line")
	}
	lines := strings.Split(string(raw[:cut]), "\n")
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return 0, tlog.Tree{}, fmt.Errorf("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return 0, tlog.Tree{}, err
	}
	tree, err := openCheckpoint(raw[cut+2:], vkey)
	if err != nil {
		return 0, tlog.Tree{}, err
	}
	proof, err := parseHashes(lines[2:])
	if err != nil {
		return 0, tlog.Tree{}, err
	}
	return index, tree, tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry(index)))
}

// in finds an entry in the whole log; nothing hashes like an entry that is not there.
func in(entries [][]byte) func(int64) []byte {
	return func(index int64) []byte {
		if index < 0 || index >= int64(len(entries)) {
			return nil
		}
		return entries[index]
	}
}

// single checks one entry by its own proof, as somebody does who was handed both.
func single(dir string) error {
	var parts [3][]byte
	for i, name := range []string{"vkey", "entry.json", "proof.tlog-proof"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		parts[i] = data
	}
	index, tree, err := checkProof(parts[2], strings.TrimSpace(string(parts[0])), func(int64) []byte { return parts[1] })
	if err != nil {
		return err
	}
	fmt.Printf("{\"index\":%d,\"size\":%d}\n", index, tree.N)
	return nil
}

// memory keeps all stored hashes of a small log, in tlog's order.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = m[index]
	}
	return out, nil
}

func makeLog(dir, count string) error {
	size, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return err
	}
	var stored memory
	bundles := map[int64][]byte{}
	for i := int64(0); i < size; i++ {
		entry := []byte(fmt.Sprintf("go entry %d", i))
		hashes, err := tlog.StoredHashes(i, entry, stored)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
		bundles[i/256] = append(binary.BigEndian.AppendUint16(bundles[i/256], uint16(len(entry))), entry...)
	}
	for _, t := range tlog.NewTiles(height, 0, size) {
		data, err := tlog.ReadTileData(t, stored)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, tilePath(t)), data); err != nil {
			return err
		}
		if t.L == 0 {
			path := strings.Replace(t.Path(), "tile/8/0/", "tile/entries/", 1)
			if err := write(filepath.Join(dir, path), bundles[t.N]); err != nil {
				return err
			}
		}
	}
	return makeSigned(dir, size, stored)
}

func makeSigned(dir string, size int64, stored memory) error {
	root, err := tlog.TreeHash(size, stored)
	if err != nil {
		return err
	}
	name := "go.example/log"
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", name, size, root)
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return err
	}
	var c cases
	for _, index := range []int64{0, size / 2, size - 1} {
		proof, err := tlog.ProveRecord(size, index, stored)
		if err != nil {
			return err
		}
		c.Inclusion = append(c.Inclusion, inclusionCase{index, texts(proof)})
	}
	for _, first := range []int64{1, size/2 + 1, size} {
		old, err := tlog.TreeHash(first, stored)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(size, first, stored)
		if err != nil {
			return err
		}
		c.Consistency = append(c.Consistency, consistencyCase{first, old.String(), texts(proof)})
	}
	out, err := json.Marshal(c)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"vkey": []byte(vkey), "checkpoint": signed, "cases.json": out} {
		if err := write(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

func texts(hashes []tlog.Hash) []string {
	out := []string{}
	for _, hash := range hashes {
		out = append(out, base64.StdEncoding.EncodeToString(hash[:]))
	}
	return out
}

func write(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
