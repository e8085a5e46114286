package main

import (
	"io"
	"time"

	"bursar/exchange"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger makes the JSON log: one line per request, never a prompt, never a key. Lines are buffered for up to a second; flush
// writes what is left.
func newLogger(w io.Writer) (logger *zap.Logger, flush func()) {
	config := zap.NewProductionEncoderConfig()
	config.TimeKey, config.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	buffered := &zapcore.BufferedWriteSyncer{WS: zapcore.AddSync(w), Size: 64 << 10, FlushInterval: time.Second}
	logger = zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), buffered, zap.InfoLevel))
	return logger, func() { _ = buffered.Stop() }
}

// logRequest writes a request's line.
func logRequest(logger *zap.Logger, x *exchange.Exchange) {
	out := &x.Outcome
	fields := []zap.Field{
		zap.String("id", x.ID), zap.String("team", x.Identity.Team), zap.String("key", x.Identity.KeyID),
		zap.String("asked", x.Facts.Model), zap.String("rule", x.Decision.Rule), zap.Stringer("decision", x.Decision.Reason),
		zap.String("model", served(out)), zap.Stringer("reason", out.Reason), zap.Int("status", out.Status), zap.String("cache", out.Cache),
		zap.Bool("stream", x.Facts.Stream), zap.Int("attempts", out.Attempts),
		zap.Int64("prompt_tokens", out.Usage.Prompt()), zap.Int64("completion_tokens", out.Usage.Completion()), zap.Stringer("method", out.Method),
		zap.Int64("cost_nano", int64(out.Cost)), zap.Int64("saved_nano", int64(out.Saved.Sum())),
		zap.Duration("first_byte", out.FirstByte), zap.Duration("duration", out.Duration), zap.Stringer("step", x.Step),
	}
	if out.Cascade != exchange.CascadeNone {
		fields = append(fields, zap.String("cascade", string(out.Cascade)), zap.String("failed", out.Failed), zap.Duration("waited", out.Waited))
	}
	if x.Aside != exchange.AsideNone {
		fields = append(fields, zap.String("aside", string(x.Aside)))
		if out.Failed != "" {
			fields = append(fields, zap.String("failed", out.Failed))
		}
	}
	if out.Status >= 500 {
		logger.Warn("request", fields...)
		return
	}
	logger.Info("request", fields...)
}

func served(out *exchange.Outcome) string {
	if out.Served == nil {
		return ""
	}
	return out.Served.Target
}
