package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// site is a log served over HTTP.
type site string

func (s site) read(path string) ([]byte, error) {
	answer, err := http.Get(string(s) + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<24))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return data, err
}

// fetch reads the whole log, every kind of proof of it, and its consistency with the notes that were kept in dir.
func fetch(from site, dir string) error {
	key, err := os.ReadFile(filepath.Join(dir, "vkey"))
	if err != nil {
		return err
	}
	vkey := strings.TrimSpace(string(key))
	note, err := from.read("checkpoint")
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(note, vkey)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, tiles{from})
	entries, err := checkEntries(from, tree, reader)
	if err != nil {
		return err
	}
	old, err := keptTrees(dir, vkey)
	if err != nil {
		return err
	}
	proofs, err := fetchInclusion(from, vkey, tree, old, entries)
	if err != nil {
		return err
	}
	for _, before := range old {
		if err := fetchConsistency(from, before, tree, reader); err != nil {
			return fmt.Errorf("consistency from %d: %w", before.N, err)
		}
	}
	fmt.Printf("{\"size\":%d,\"entries\":%d,\"inclusion\":%d,\"consistency\":%d}\n", tree.N, len(entries), proofs, len(old))
	return nil
}

func keptTrees(dir, vkey string) ([]tlog.Tree, error) {
	files, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	if err != nil {
		return nil, err
	}
	var trees []tlog.Tree
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		tree, err := openCheckpoint(raw, vkey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		trees = append(trees, tree)
	}
	return trees, nil
}

// fetchInclusion asks for entries at both ends and around the border of a tile, under the newest head and under old ones.
func fetchInclusion(from site, vkey string, tree tlog.Tree, old []tlog.Tree, entries [][]byte) (int, error) {
	checked := 0
	for _, head := range append([]tlog.Tree{tree}, old...) {
		for _, index := range []int64{0, 1, 127, 128, 254, 255, 256, 257, head.N / 2, head.N - 1} {
			if index >= head.N {
				continue
			}
			raw, err := from.read(fmt.Sprintf("proof/%d?size=%d", index, head.N))
			if err != nil {
				return checked, err
			}
			of, under, err := checkProof(raw, vkey, in(entries))
			if err == nil && (of != index || under != head) {
				err = fmt.Errorf("a proof of %d under %d", of, under.N)
			}
			if err != nil {
				return checked, fmt.Errorf("inclusion of %d under %d: %w", index, head.N, err)
			}
			checked++
		}
	}
	return checked, nil
}

func fetchConsistency(from site, before, tree tlog.Tree, reader tlog.HashReader) error {
	raw, err := from.read(fmt.Sprintf("consistency?first=%d&second=%d", before.N, tree.N))
	if err != nil {
		return err
	}
	var answer struct {
		First, Second int64
		Proof         []string
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	proof := make([]tlog.Hash, len(answer.Proof))
	for i, text := range answer.Proof {
		hash, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || copy(proof[i][:], hash) != tlog.HashSize {
			return fmt.Errorf("hash %d: %q", i, text)
		}
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
		return err
	}
	own, err := tlog.ProveTree(tree.N, before.N, reader)
	if err != nil {
		return err
	}
	return equal(own, proof)
}
